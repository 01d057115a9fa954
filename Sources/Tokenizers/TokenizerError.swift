/// A failure of this module: a tokenizer file that cannot be read, or a part of it that is not supported.
public struct TokenizerError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    case cannotReadFile
    case malformedFile
    case unsupportedPart
    /// The tokenizer cannot encode a text: it lacks a token for it, or its pattern takes too long.
    case cannotEncode
  }

  /// What kind of failure it is.
  public let code: Code
  /// One sentence that names the file and the part and says what to do.
  public let message: String

  /// An error with its code and message.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
