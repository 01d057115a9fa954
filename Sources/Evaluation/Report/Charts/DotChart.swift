/// Values with their errors on one axis, one row for each name and one mark for each series.
struct DotChart: Chart {
  /// A value and half the length of its error bar.
  struct Dot: Sendable {
    let value: Double
    let error: Double?
    /// The value and its error in words.
    let text: String
  }

  /// Marks of one colour and shape.
  struct Series: Sendable {
    let name: String
    /// One for each row; nil where there is no value.
    let dots: [Dot?]
  }

  let rows: [String]
  let series: [Series]
  let axisTitle: String
  /// How values are named on the axis; the second number is the decimals that the ticks need.
  let tickLabel: @Sendable (Double, Int) -> String

  var legend: [String] { series.count > 1 ? series.map(\.name) : [] }

  func drawn(_ size: ChartSize, id: String, title: String, description: String) -> Markup {
    let dots = series.flatMap(\.dots).compactMap { $0 }
    let axis = Axis(
      axisTitle, values: dots.flatMap { [$0.value - ($0.error ?? 0), $0.value + ($0.error ?? 0)] }, padding: 0.03,
      tickCount: size.horizontalTicks - 1, label: tickLabel)
    let lane = 14.0
    let rowHeight = max(28, Double(series.count) * lane + 12)
    let left = min((rows.map { TextWidth.of($0) }.max() ?? 0) + 12, size.width * 0.38)
    let right = size.width - 14
    let top = 8.0
    let bottom = top + Double(rows.count) * rowHeight
    func x(_ value: Double) -> Double { left + axis.share(value) * (right - left) }
    var parts: [Markup] = []
    for tick in axis.ticks {
      parts.append(Drawing.line(x(tick.value), top, x(tick.value), bottom, "g"))
      parts.append(Drawing.label(tick.label, x(tick.value), bottom + 17, .middle))
    }
    for (row, name) in rows.enumerated() {
      let y = top + Double(row) * rowHeight
      if row > 0 { parts.append(Drawing.line(0, y, right, y, "g")) }
      parts.append(
        Drawing.label(TextWidth.shortened(name, to: left - 10), 2, y + rowHeight / 2 + 4, style: "l"))
      let first = y + rowHeight / 2 - Double(series.count - 1) * lane / 2
      for (index, line) in series.enumerated() {
        guard row < line.dots.count, let dot = line.dots[row], dot.value.isFinite else { continue }
        let center = first + Double(index) * lane
        if let error = dot.error, error.isFinite, error > 0 {
          let (low, high) = (x(dot.value - error), x(dot.value + error))
          parts.append(Drawing.line(low, center, high, center, "e s\(index % 8)"))
          for end in [low, high] { parts.append(Drawing.line(end, center - 3, end, center + 3, "e s\(index % 8)")) }
        }
        parts.append(Drawing.mark(index, x(dot.value), center, hint: "\(line.name), \(name): \(dot.text)"))
      }
    }
    parts.append(Drawing.line(left, bottom, right, bottom, "x"))
    let titleLines = TextWidth.lines(axisTitle, limit: right - left)
    for (line, text) in titleLines.enumerated() {
      parts.append(Drawing.label(text, (left + right) / 2, bottom + 36 + 14 * Double(line), .middle, style: "a"))
    }
    return Drawing.svg(
      width: size.width, height: bottom + 28 + 14 * Double(max(1, titleLines.count)), id: id, title: title,
      description: description, parts)
  }
}
