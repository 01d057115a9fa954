/// A server that cannot work.
public struct ServerError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    /// The address is taken, or is none of this machine's.
    case cannotListen
  }

  /// What kind of failure it is.
  public let code: Code
  /// One sentence that names the address and the system's reason.
  public let message: String

  /// The message.
  public var description: String { message }
}
