import HTTPTypes
import Hummingbird
import NIOCore

extension Request {
  /// The whole body, if it is short enough and arrives in time.
  ///
  /// - Throws: `APIError` 413 or 408.
  func wholeBody(limit: Int, seconds: Int) async throws -> [UInt8] {
    let tooLarge = APIError(
      status: .contentTooLarge, message: "the body is longer than \(limit) bytes", type: "invalid_request_error",
      code: "body_too_large")
    // What is announced as too long is not read.
    if let length = headers[.contentLength].flatMap(Int.init), length > limit { throw tooLarge }
    let body = body
    let buffer = try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        return nil
      }
      group.addTask {
        do {
          return try await body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
          throw tooLarge
        }
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
    guard let buffer else {
      throw APIError(
        status: .requestTimeout, message: "the body did not arrive within \(seconds) seconds",
        type: "invalid_request_error", code: "timeout")
    }
    return Array(buffer.readableBytesView)
  }
}
