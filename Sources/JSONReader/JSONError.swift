/// A text that is not JSON.
public struct JSONError: Error, Sendable, CustomStringConvertible {
  /// Where reading stopped, in bytes.
  public let offset: Int
  /// What was wrong there.
  public let reason: String

  /// An error at a byte offset.
  public init(offset: Int, reason: String) {
    self.offset = offset
    self.reason = reason
  }

  /// The reason with the offset.
  public var description: String { "not valid JSON at byte \(offset): \(reason)" }
}
