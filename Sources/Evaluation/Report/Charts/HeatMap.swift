import Foundation

/// A table of rows and columns in which shades stand for values.
struct HeatMap: Chart {
  let rows: [String]
  let columns: [String]
  /// `[row][column]`; nil where there is nothing.
  let values: [[Double?]]
  /// What the columns count.
  let columnTitle: String
  /// What the shades mean, with the unit.
  let valueTitle: String
  var isLogarithmic = false
  /// A value in words.
  let text: @Sendable (Double) -> String

  private static let shades = 9

  private var known: [Double] {
    values.flatMap { $0 }.compactMap { $0 }.filter { $0.isFinite && (!isLogarithmic || $0 > 0) }
  }

  /// The values of the lightest and the darkest shade: a fiftieth of the values may lie beyond at each end, so that a
  /// single one does not take the shades from all others.
  private var bounds: (low: Double, high: Double) {
    let sorted = known.sorted()
    guard let first = sorted.first, let last = sorted.last else { return (0, 1) }
    let skipped = sorted.count / 50
    let (low, high) = (sorted[skipped], sorted[sorted.count - 1 - skipped])
    return high > low ? (low, high) : (first, last)
  }

  /// 0 at the lower bound, 1 at the upper one.
  private func share(_ value: Double, _ low: Double, _ high: Double) -> Double {
    guard high > low else { return 0.5 }
    if isLogarithmic { return value > 0 ? log(value / low) / log(high / low) : 0 }
    return (value - low) / (high - low)
  }

  private func shade(_ share: Double) -> String {
    "h\(min(Self.shades - 1, max(0, Int(share * Double(Self.shades)))))"
  }

  func drawn(_ size: ChartSize, id: String, title: String, description: String) -> Markup {
    let (low, high) = bounds
    let left = min((rows.map { TextWidth.of($0) }.max() ?? 0) + 8, size.width * 0.42)
    let width = (size.width - left - 2) / Double(max(1, columns.count))
    let rowHeight = 22.0
    let top = 44.0
    var parts = scale(size, low, high)
    for (row, name) in rows.enumerated() {
      let y = top + Double(row) * rowHeight
      parts.append(Drawing.label(TextWidth.shortened(name, to: left - 8), left - 6, y + 15, .end, style: "l"))
      for column in columns.indices {
        let value = values[row][column]
        let style = value.map { $0.isFinite ? shade(share($0, low, high)) : "hx" } ?? "hx"
        let told = value.map { $0.isFinite ? text($0) : "not a number" } ?? "nothing"
        parts.append(
          Drawing.rectangle(
            left + Double(column) * width, y, max(width - (width > 5 ? 1 : 0), 0.5), rowHeight - 1, style,
            hint: "\(columnTitle) \(columns[column]), \(name): \(told)"))
      }
    }
    let bottom = top + Double(rows.count) * rowHeight
    var free = -Double.infinity
    // Columns are named every 1, 2, 5, 10 ... of them.
    let widest = (columns.map { TextWidth.of($0) }.max() ?? 0) + 8
    let every = [1, 2, 5, 10, 20, 50, 100, 200].first { Double($0) * width >= widest } ?? max(1, columns.count)
    for column in stride(from: 0, to: columns.count, by: every) {
      let half = TextWidth.of(columns[column]) / 2
      let center = min(left + (Double(column) + 0.5) * width, size.width - half)
      guard center - half > free else { continue }
      parts.append(Drawing.label(columns[column], center, bottom + 15, .middle))
      free = center + half + 4
    }
    parts.append(Drawing.label(columnTitle, left + (size.width - left) / 2, bottom + 33, .middle, style: "a"))
    return Drawing.svg(
      width: size.width, height: bottom + 40, id: id, title: title, description: description, parts)
  }

  /// What the shades mean: the least value, the shades, the greatest value.
  private func scale(_ size: ChartSize, _ low: Double, _ high: Double) -> [Markup] {
    let first = ((known.min() ?? low) < low ? "≤ " : "") + text(low)
    let last = ((known.max() ?? high) > high ? "≥ " : "") + text(high)
    var parts = [Drawing.label(valueTitle, 2, 12, style: "a")]
    var x = 2.0
    parts.append(Drawing.label(first, x, 31))
    x += TextWidth.of(first) + 6
    guard high > low else { return parts }
    for shade in 0..<Self.shades {
      parts.append(Drawing.rectangle(x + Double(shade) * 14, 20, 14, 14, "h\(shade)"))
    }
    parts.append(Drawing.label(last, x + Double(Self.shades) * 14 + 6, 31))
    return parts
  }
}
