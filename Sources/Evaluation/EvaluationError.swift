/// A measurement that cannot be made as asked.
public struct EvaluationError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    /// An option is outside its range.
    case invalidOption
    /// The text has too few tokens.
    case textTooShort
    /// A probability came out as no number.
    case notFinite
    /// A file is not there or cannot be read.
    case missingFile
    /// A file cannot be written.
    case cannotWrite
    /// An evaluation record lacks a field.
    case badRecord
    /// Data of a task are not in a form that is known.
    case badData
    /// A checkpoint or stored logits belong to other work.
    case mismatch
  }

  /// What kind of failure it is.
  public let code: Code
  /// One sentence that names the option or value and says what to do.
  public let message: String

  /// An error with its code and message.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
