/// A file of data that cannot be read.
public struct DataFileError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    /// The file is not there or cannot be opened.
    case missingFile
    /// The file does not follow its format, or ends early.
    case malformed
    /// A valid file uses something this package does not read.
    case unsupported
  }

  /// What kind of failure it is.
  public let code: Code
  /// One sentence that names the file and says what is wrong.
  public let message: String

  /// An error with its code and message.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }

  /// Names the file where only its content was known.
  func inFile(_ path: String) -> DataFileError { DataFileError(code, "\(path): \(message)") }

  static func malformed(_ message: String) -> DataFileError { DataFileError(.malformed, message) }
}
