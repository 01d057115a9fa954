import JSONReader

/// What a finished tuning tells.
public struct TuningSummary: Sendable {
  /// The loss of every step before it moved anything: nats per token for `full`, the error's share of the output for
  /// `block`.
  public let losses: [Double]
  /// Steps that an earlier run had done.
  public let resumedSteps: Int
  /// Tuned values.
  public let parameterCount: Int

  init(losses: [Double], resumedSteps: Int, parameterCount: Int) {
    (self.losses, self.resumedSteps, self.parameterCount) = (losses, resumedSteps, parameterCount)
  }

  /// Of the tasks of a job, some of which this process may have found done.
  init(_ files: [TuningFile], stepsTaken: Int) {
    let losses = files.flatMap(\.losses)
    self.init(
      losses: losses, resumedSteps: losses.count - stepsTaken,
      parameterCount: files.reduce(0) { $0 + $1.parameterCount })
  }

  /// The mean loss of the first tenth of the steps, at least one.
  public var firstLoss: Double { Self.mean(losses.prefix(max(1, losses.count / 10))) }
  /// The mean loss of the last tenth of the steps, at least one.
  public var lastLoss: Double { Self.mean(losses.suffix(max(1, losses.count / 10))) }

  private static func mean(_ values: ArraySlice<Double>) -> Double {
    values.reduce(0, +) / Double(max(1, values.count))
  }

  /// What `quantization.json` tells.
  func record(_ options: TuningOptions) -> JSONValue {
    .object([
      ("mode", .string(options.mode.rawValue)), ("steps", .integer(losses.count)), ("first_loss", .number(firstLoss)),
      ("last_loss", .number(lastLoss)),
    ])
  }

  /// Four decimals.
  static func rounded(_ loss: Double) -> String {
    let units = loss.isFinite && abs(loss) < 1e9 ? Int((loss * 10000).rounded()) : 0
    let digits = String(units % 10000)
    return "\(units / 10000)." + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
