/// The area between two axes, with grid lines, names of values and titles.
struct Plane: Sendable {
  let size: ChartSize
  let x: Axis
  let y: Axis
  let height: Double
  let left: Double
  let top = 24.0
  let right: Double
  let bottom: Double
  private let titleLines: [String]

  /// A plane with room for the labels of both axes.
  init(_ size: ChartSize, x: Axis, y: Axis, rightMargin: Double = 16) {
    self.size = size
    self.x = x
    self.y = y
    left = (y.ticks.map { TextWidth.of($0.label) }.max() ?? 0) + 14
    right = size.width - rightMargin
    titleLines = TextWidth.lines(x.title, limit: right - left)
    bottom = size.height - 44
    height = bottom + 30 + 14 * Double(max(1, titleLines.count))
  }

  func x(_ value: Double) -> Double { left + x.share(value) * (right - left) }
  func y(_ value: Double) -> Double { bottom - y.share(value) * (bottom - top) }

  /// Grid, axes, ticks and titles; the title of the vertical axis stands above it, where it is read without turning.
  var markup: Markup {
    var parts: [Markup] = [Drawing.label(y.title, 2, 12, style: "a")]
    for tick in y.ticks {
      parts.append(Drawing.line(left, y(tick.value), right, y(tick.value), "g"))
      parts.append(Drawing.label(tick.label, left - 6, y(tick.value) + 4, .end))
    }
    var free = -Double.infinity
    for tick in x.ticks {
      let (place, width) = (x(tick.value), TextWidth.of(tick.label))
      let center = min(max(place, width / 2), size.width - width / 2)
      parts.append(Drawing.line(place, bottom, place, bottom + 4, "x"))
      // A label that would touch the one before it is left out; its tick stays.
      guard center - width / 2 > free else { continue }
      parts.append(Drawing.label(tick.label, center, bottom + 17, .middle))
      free = center + width / 2 + 6
    }
    parts.append(Drawing.line(left, bottom, right, bottom, "x"))
    for (line, text) in titleLines.enumerated() {
      parts.append(Drawing.label(text, (left + right) / 2, bottom + 38 + 14 * Double(line), .middle, style: "a"))
    }
    return .joined(parts)
  }
}
