import HTTPTypes
import Hummingbird
import NIOCore

extension Request {
  /// The whole body, if it is short enough and arrives in time; kept in the request too.
  ///
  /// - Throws: `APIError` 413 or 408.
  mutating func wholeBody(limit: Int, seconds: Int) async throws -> [UInt8] {
    func tooLarge() -> APIError {
      APIError(
        status: .contentTooLarge, message: "the body is longer than \(limit) bytes", type: "invalid_request_error",
        code: "body_too_large")
    }
    // What is announced as too long is not read.
    if let length = headers[.contentLength].flatMap(Int.init), length > limit { throw tooLarge() }
    let body = body
    let buffer: ByteBuffer = try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        return nil
      }
      group.addTask {
        var buffer = ByteBuffer()
        for try await part in body {
          guard buffer.readableBytes + part.readableBytes <= limit else { throw tooLarge() }
          buffer.writeImmutableBuffer(part)
        }
        return buffer
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let buffer = first else {
        throw APIError(
          status: .requestTimeout, message: "the body did not arrive within \(seconds) seconds",
          type: "invalid_request_error", code: "timeout")
      }
      return buffer
    }
    return Array(buffer.readableBytesView)
  }
}
