/// A failure of this module: an input that cannot be read as asked, or a factorisation that does not exist.
public struct TensorError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    case cannotOpenFile
    case wrongType
    case notPositiveDefinite
    case fileShrank
  }

  /// What kind of failure it is.
  public let code: Code
  /// One sentence that names the thing and says what to do.
  public let message: String

  /// An error with its code and message.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
