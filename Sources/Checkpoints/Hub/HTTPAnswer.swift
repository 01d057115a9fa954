import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// The answer to one request: its head, and its body as it arrives. Dropped before its end, it ends the transfer.
struct HTTPAnswer {
  let status: Int
  private let response: HTTPURLResponse
  private let stream: HTTPStream
  private var events: AsyncThrowingStream<HTTPStream.Event, any Error>.Iterator

  init(
    _ response: HTTPURLResponse, stream: HTTPStream,
    rest events: AsyncThrowingStream<HTTPStream.Event, any Error>.Iterator
  ) {
    status = response.statusCode
    self.response = response
    self.stream = stream
    self.events = events
  }

  /// The value of a header, in any spelling of its name.
  func header(_ name: String) -> String? { response.value(forHTTPHeaderField: name) }

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
  mutating func next() async throws -> Data? {
    while let event = try await events.next() {
      if case .body(let data) = event {
        stream.took(data.count)
        return data
      }
    }
    // A stream ends silently when the reader's task is cancelled.
    try Task.checkCancellation()
    return nil
  }

  /// The whole body, nil if it is longer than `limit`, which is at most that of `HTTPStream`.
  mutating func body(limit: Int) async throws -> [UInt8]? {
    var bytes: [UInt8] = []
    do {
      while let data = try await next() {
        guard bytes.count + data.count <= limit else { return nil }
        bytes.append(contentsOf: data)
      }
    } catch is HTTPStream.Overrun {
      return nil
    }
    return bytes
  }

  /// See `HTTPStream.liftLimit`.
  func liftLimit() { stream.liftLimit() }
}
