/// A request to generate that cannot be served as asked.
public struct GenerationError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    /// An option is outside its range; `option` names it.
    case invalidOption
    /// The prompt has no token, or one that the model does not know.
    case badPrompt
    /// The prompt leaves no room for a token in the context.
    case contextLengthExceeded
    /// The model's logits hold NaN or infinity, or every token is excluded.
    case noDistribution
    /// More requests wait than may.
    case queueFull
    /// The engine does not work any more.
    case stopped
  }

  /// What kind of failure it is.
  public let code: Code
  /// One sentence that names the option or value and says what to do.
  public let message: String
  /// The name of the option at fault, as the command line and the library spell it.
  public let option: String?

  /// An error with its code and message.
  public init(_ code: Code, _ message: String, option: String? = nil) {
    self.code = code
    self.message = message
    self.option = option
  }

  /// The message.
  public var description: String { message }

  static func invalid(_ option: String, _ rule: String, _ value: some Any) -> GenerationError {
    GenerationError(.invalidOption, "\(option) must be \(rule), not \(value)", option: option)
  }
}
