/// Bars from left to right, one below the other, each with its name and its value in words.
struct BarChart: Chart {
  /// One bar.
  struct Bar: Sendable {
    let name: String
    let value: Double
    /// The value as it is written behind the bar.
    let text: String
    /// The number of its colour.
    var style = 0
  }

  let bars: [Bar]
  /// What the lengths mean, with the unit.
  let axisTitle: String

  func drawn(_ size: ChartSize, id: String, title: String, description: String) -> Markup {
    let rowHeight = 26.0
    let nameWidth = min((bars.map { TextWidth.of($0.name) }.max() ?? 0), size.width * 0.42) + 10
    let valueWidth = (bars.map { TextWidth.of($0.text) }.max() ?? 0) + 8
    let axis = Axis(axisTitle, values: bars.map(\.value), fromZero: true)
    // The longest bar ends where its value still has room.
    let longest = max(bars.map(\.value).filter(\.isFinite).max() ?? 1, 1e-300)
    let length = max(40, size.width - nameWidth - valueWidth)
    let height = Double(bars.count) * rowHeight + 22
    var parts: [Markup] = [Drawing.label(axis.title, 2, 12, style: "a")]
    for (row, bar) in bars.enumerated() {
      let y = 22 + Double(row) * rowHeight
      let width = bar.value.isFinite ? max(0, bar.value) / longest * length : 0
      parts.append(
        Drawing.label(TextWidth.shortened(bar.name, to: nameWidth - 10), nameWidth - 8, y + 15, .end, style: "l"))
      parts.append(
        Drawing.rectangle(nameWidth, y + 3, max(width, 1), 17, "b s\(bar.style % 8)", hint: "\(bar.name): \(bar.text)"))
      parts.append(Drawing.label(bar.text, nameWidth + max(width, 1) + 6, y + 15, style: "t"))
    }
    parts.append(Drawing.line(nameWidth, 22, nameWidth, height - 2, "x"))
    return Drawing.svg(width: size.width, height: height, id: id, title: title, description: description, parts)
  }
}
