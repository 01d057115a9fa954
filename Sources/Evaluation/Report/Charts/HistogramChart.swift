/// Columns over bins, with up to a few series side by side in each bin.
struct HistogramChart: Chart {
  /// Columns of one colour.
  struct Series: Sendable {
    let name: String
    /// One for each bin.
    let values: [Double]
  }

  /// The names of the bins, in order.
  let bins: [String]
  let series: [Series]
  let xTitle: String
  let yTitle: String
  /// How one column is told when the pointer rests on it.
  let hint: @Sendable (Series, Int) -> String

  var legend: [String] { series.count > 1 ? series.map(\.name) : [] }

  func drawn(_ size: ChartSize, id: String, title: String, description: String) -> Markup {
    let y = Axis(yTitle, values: series.flatMap(\.values), fromZero: true)
    let plane = Plane(size, x: Axis(xTitle, bare: 0...Double(max(1, bins.count))), y: y)
    var parts = [plane.markup]
    let width = (plane.right - plane.left) / Double(max(1, bins.count))
    let column = width * (series.count > 1 ? 0.84 : 0.9) / Double(max(1, series.count))
    var free = -Double.infinity
    for (bin, name) in bins.enumerated() {
      let start = plane.left + Double(bin) * width
      for (index, values) in series.enumerated() where bin < values.values.count {
        let value = values.values[bin]
        guard value.isFinite else { continue }
        let x = start + (width - column * Double(series.count)) / 2 + Double(index) * column
        parts.append(
          Drawing.rectangle(
            x, plane.y(value), max(column - (series.count > 1 ? 1 : 0), 0.8), plane.bottom - plane.y(value),
            "b s\(index % 8)", hint: hint(values, bin)))
      }
      let (center, half) = (start + width / 2, TextWidth.of(name) / 2)
      let place = min(max(center, half), size.width - half)
      guard !name.isEmpty, place - half > free else { continue }
      parts.append(Drawing.label(name, place, plane.bottom + 17, .middle))
      free = place + half + 6
    }
    return Drawing.svg(
      width: size.width, height: plane.height, id: id, title: title, description: description, parts)
  }
}
