/// A matrix, statistic or option that cannot be quantized as asked.
public struct QuantizationError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    case invalidRecipe
    case shapeMismatch
    case nonFiniteWeight
    case nonFiniteStatistic
    case notPositiveDefinite
  }

  /// What kind of failure it is.
  public let code: Code
  /// One sentence that names the layer or option and says what to do.
  public let message: String

  /// An error with its code and message.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
