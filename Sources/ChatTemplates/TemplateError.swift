/// A failure to parse or render a chat template.
public struct TemplateError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    /// The template's own `raise_exception`; `message` holds exactly the template's words.
    case raisedByTemplate
    /// The template text is not valid Jinja.
    case syntax
    /// An undefined value was used where a value is required.
    case undefinedValue
    /// An operation does not apply to the type of its operand.
    case wrongType
    /// A value is outside what an operation accepts (division by zero, unknown format).
    case wrongValue
    /// The sandbox refuses the access.
    case security
    /// A limit of `TemplateLimits`, or of the sandbox, was passed.
    case limitExceeded
    /// The template uses a part of Jinja that chat templates are not given.
    case unsupported
    /// A message holds a content part that is not text.
    case unsupportedContent
    /// The model has no chat template.
    case noTemplate
    /// JSON text is malformed.
    case malformedJSON
  }

  /// What kind of failure it is.
  public let code: Code
  /// What went wrong; for `.raisedByTemplate`, exactly the template's own words.
  public let message: String
  /// The line of the template, from 1, where known.
  public internal(set) var line: Int?

  /// An error with its code, message and line.
  public init(_ code: Code, _ message: String, line: Int? = nil) {
    self.code = code
    self.message = message
    self.line = line
  }

  /// The message with the line of the template.
  public var description: String {
    guard let line else { return message }
    return "chat template, line \(line): \(message)"
  }

  func at(line: Int) -> TemplateError {
    self.line == nil ? TemplateError(code, message, line: line) : self
  }
}
