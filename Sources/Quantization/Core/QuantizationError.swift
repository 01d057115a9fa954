/// A matrix, statistic or option that cannot be quantized as asked.
public struct QuantizationError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: String, Sendable {
    /// An option has a value that the matrix, or any matrix, cannot be quantized with.
    case invalidRecipe
    /// Weights and second moments do not belong together.
    case shapeMismatch
    /// A weight is NaN or infinite.
    case nonFiniteWeight
    /// An activation overflowed.
    case nonFiniteStatistic
    /// No damping within bounds makes the second moment positive definite.
    case notPositiveDefinite
    /// A file that was named is not there.
    case missingInput
    /// The calibration text cannot serve.
    case badCalibration
    /// A file of second moments cannot serve, or belongs to another model.
    case badStatistics
    /// A job folder belongs to another model, text or set of options.
    case jobMismatch
    /// A model has a part that cannot be tuned.
    case unsupported
    /// Tuning went astray: a loss or a gradient is NaN or infinite.
    case nonFiniteLoss
    /// The output cannot be written where asked.
    case cannotWrite
    /// A job is not as far as what was asked of it needs.
    case incomplete
    /// A task of a job failed before.
    case taskFailed
    /// The work was interrupted; it can be resumed.
    case interrupted
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
