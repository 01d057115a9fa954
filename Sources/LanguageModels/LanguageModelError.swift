/// A model that cannot be built or run as asked.
public struct LanguageModelError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    /// The architecture or one of its parts is not known here.
    case unsupported
    /// `config.json` lacks a value or holds an impossible one.
    case badConfiguration
    /// A tensor is missing or has the wrong shape or type.
    case badTensor
    /// The tokens given are not ids of this model, or do not fit the cache.
    case badInput
  }

  /// What kind of failure it is.
  public let code: Code
  /// One sentence that names the file, key or tensor and says what to do.
  public let message: String

  /// An error with its code and message.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
