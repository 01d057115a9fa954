/// A quantity that was measured several times.
public struct Measured: Sendable, Equatable {
  /// The mean.
  public let mean: Double
  /// The sample standard deviation; 0 for one measurement.
  public let standardDeviation: Double
  /// How many measurements count.
  public let count: Int

  /// Mean and sample standard deviation of `values`; zeros for none.
  public init(_ values: [Double]) {
    count = values.count
    let mean = values.reduce(0, +) / Double(max(1, values.count))
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.mean = mean
    standardDeviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : 0
  }
}

extension Measured {
  /// The seconds that `body` takes.
  static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return Double(start.duration(to: .now) / .seconds(1))
  }
}
