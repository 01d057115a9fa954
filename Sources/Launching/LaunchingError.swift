/// A job that could not be started or asked after.
public struct LaunchingError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    /// A program of the engine is not installed here.
    case missingEngine
    /// The engine refused or failed.
    case engineFailed
    /// A process that does tasks failed.
    case workerFailed
    /// What was submitted before is still under way.
    case alreadySubmitted
    /// The job folder cannot be written.
    case cannotWrite
  }

  /// What kind of failure it is.
  public let code: Code
  /// One sentence that says what to do.
  public let message: String

  /// An error with its code and message.
  public init(_ code: Code, _ message: String) {
    (self.code, self.message) = (code, message)
  }

  /// The message.
  public var description: String { message }
}
