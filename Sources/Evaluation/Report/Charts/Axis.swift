import Foundation

/// One axis of a chart: where values lie along it, and which of them are named.
struct Axis: Sendable {
  /// A value that is named.
  struct Tick: Sendable, Equatable {
    let value: Double
    let label: String
  }

  /// The least value on the axis.
  let lower: Double
  /// The greatest value on the axis.
  let upper: Double
  /// Whether equal distances mean equal ratios.
  let isLogarithmic: Bool
  /// Values with a name, in rising order, all on the axis.
  let ticks: [Tick]
  /// What the axis tells, with the unit.
  let title: String

  /// An axis over `values` (those that are numbers; positive ones for a logarithmic axis) with about `tickCount` ticks.
  ///
  /// `fromZero` makes it begin at 0. `padding` is the share of the range that is left free at both ends.
  init(
    _ title: String, values: [Double], isLogarithmic: Bool = false, fromZero: Bool = false, padding: Double = 0,
    tickCount: Int = 5, label: (Double, Int) -> String = { NumberText.fixed($0, $1) }
  ) {
    self.title = title
    // What is beyond all measure lies at an end of the axis; ranges and ratios of the rest are finite.
    let known = values.filter { abs($0) < 1e100 && (!isLogarithmic || $0 > 1e-100) }
    // Without a positive value there is nothing to take logarithms of.
    self.isLogarithmic = isLogarithmic && !known.isEmpty
    var (low, high) = (known.min() ?? 0, known.max() ?? 1)
    if self.isLogarithmic {
      if high / low < 1.02 { (low, high) = (low / 1.1, high * 1.1) }
      let room = padding * Foundation.log(high / low)
      (lower, upper) = (low * exp(-room), high * exp(room))
      ticks = Self.logarithmicTicks(lower, upper, tickCount)
    } else {
      if fromZero { (low, high) = (min(low, 0), max(high, 0)) }
      if high - low <= abs(high) * 1e-9 {
        (low, high) = high == 0 ? (0, 1) : (low - abs(low) / 10, high + abs(high) / 10)
      }
      let room = padding * (high - low)
      let step = Self.step((high - low + 2 * room) / Double(max(1, tickCount)))
      // Bars stand on the axis, and a bar's end is easier to read below a tick than beyond the last one.
      lower = fromZero ? (low < 0 ? (low / step).rounded(.down) * step : 0) : low - room
      upper = fromZero ? (high / step).rounded(.up) * step : high + room
      ticks = Self.linearTicks(lower, upper, step, label)
    }
  }

  /// An axis from `lower` to `upper` without ticks: whoever draws names the places.
  init(_ title: String, bare range: ClosedRange<Double>) {
    (self.title, lower, upper, isLogarithmic, ticks) = (title, range.lowerBound, range.upperBound, false, [])
  }

  /// Where a value lies: 0 at the lower end, 1 at the upper one; values beyond lie at the ends.
  func share(_ value: Double) -> Double {
    let share =
      isLogarithmic
      ? (value > 0 ? log(value / lower) / log(upper / lower) : 0) : (value - lower) / (upper - lower)
    return min(1, max(0, share.isFinite ? share : 0))
  }

  /// The next of 1, 2, 2.5 and 5 times a power of ten that is not below `rough`.
  private static func step(_ rough: Double) -> Double {
    guard rough > 0, rough.isFinite else { return 1 }
    let power = pow(10, (log10(rough) + 1e-9).rounded(.down))
    return ([1, 2, 2.5, 5].first { $0 * power >= rough * (1 - 1e-9) } ?? 10) * power
  }

  private static func linearTicks(
    _ lower: Double, _ upper: Double, _ step: Double, _ label: (Double, Int) -> String
  ) -> [Tick] {
    let exponent = Int(log10(step).rounded(.down))
    // A step of 2.5 needs a decimal more than one of 2.
    let isHalf = abs(step / pow(10, Double(exponent)) - 2.5) < 1e-6
    let decimals = max(0, -exponent + (isHalf ? 1 : 0))
    let first = (lower / step - 1e-9).rounded(.up)
    let last = (upper / step + 1e-9).rounded(.down)
    guard last >= first, last - first < 100 else { return [] }
    return stride(from: first, through: last, by: 1).map { index in
      Tick(value: index * step, label: label(index * step, decimals))
    }
  }

  /// Powers of ten, with 2 and 5 times them where there is room; over short ranges as many even steps as fit.
  private static func logarithmicTicks(_ lower: Double, _ upper: Double, _ count: Int) -> [Tick] {
    for multiples in [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1]] {
      let values = logarithmicValues(lower, upper, multiples)
      guard values.count <= count + 2 else { continue }
      // Over a short range even steps name more places.
      guard values.count >= 3 else { break }
      return values.map { Tick(value: $0, label: shortest($0)) }
    }
    let powers = logarithmicValues(lower, upper, [1])
    if powers.count > count + 2 {
      let every = (powers.count + count - 1) / max(1, count)
      let chosen = powers.enumerated().filter { $0.offset % every == 0 }
      return chosen.map { Tick(value: $0.element, label: shortest($0.element)) }
    }
    let step = Self.step((upper - lower) / Double(max(2, count)))
    return linearTicks(lower, upper, step) { NumberText.fixed($0, $1) }
  }

  /// The multiples of all powers of ten that lie within the bounds.
  private static func logarithmicValues(_ lower: Double, _ upper: Double, _ multiples: [Double]) -> [Double] {
    let first = Int(log10(lower).rounded(.down))
    let last = Int(log10(upper).rounded(.up))
    let (low, high) = (lower * (1 - 1e-9), upper * (1 + 1e-9))
    var values: [Double] = []
    for decade in first...last {
      let power = pow(10, Double(decade))
      values += multiples.map { $0 * power }.filter { $0 >= low && $0 <= high }
    }
    return values
  }

  /// `0.02`, `500`, `10⁻⁶`.
  private static func shortest(_ value: Double) -> String {
    let magnitude = Int((log10(value) + 1e-9).rounded(.down))
    let leading = value / pow(10, Double(magnitude))
    let isWhole = abs(leading - leading.rounded()) < 1e-6
    if magnitude < -4 || magnitude > 6 {
      return isWhole && leading < 1.5
        ? NumberText.powerOfTen(magnitude) : NumberText.significant(value, isWhole ? 1 : 2)
    }
    return NumberText.fixed(value, max(0, -magnitude + (isWhole ? 0 : 1)))
  }
}
