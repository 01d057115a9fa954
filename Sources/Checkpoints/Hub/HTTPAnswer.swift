import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// The answer to one request: its head, and its body as it arrives. Dropped before its end, it ends the transfer.
struct HTTPAnswer {
  let status: Int
  private let headers: HTTPHeaders
  private var body: HTTPClientResponse.Body.AsyncIterator
  // Kept, since its connections end with it.
  private let transport: HTTPTransport

  init(_ response: HTTPClientResponse, of transport: HTTPTransport) {
    status = Int(response.status.code)
    headers = response.headers
    body = response.body.makeAsyncIterator()
    self.transport = transport
  }

  /// The value of a header, in any spelling of its name; several are joined by commas (RFC 9110, section 5.3).
  func header(_ name: String) -> String? {
    let values = headers[name]
    return values.isEmpty ? nil : values.joined(separator: ", ")
  }

  /// The value of a header that is a count of bytes.
  func byteCount(_ name: String) -> Int? {
    guard let text = header(name), text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let count = Int(text), count <= Self.longest
    else { return nil }
    return count
  }

  /// No file is longer: 2^50 bytes, so that sums of lengths stay far from overflow.
  static let longest = 1 << 50

  /// The next bytes of the body, nil at its end.
  ///
  /// - Throws: `HTTPFailure`, `CancellationError`.
  mutating func next() async throws -> [UInt8]? {
    do {
      if let bytes = try await body.next() { return [UInt8](bytes.readableBytesView) }
    } catch {
      throw HTTPFailure.cause(of: error)
    }
    // A body ends silently when the reader's task is cancelled.
    try Task.checkCancellation()
    return nil
  }

  /// The whole body, nil if it is longer than `limit`.
  mutating func body(limit: Int) async throws -> [UInt8]? {
    var bytes: [UInt8] = []
    while let part = try await next() {
      guard bytes.count + part.count <= limit else { return nil }
      bytes += part
    }
    return bytes
  }
}
