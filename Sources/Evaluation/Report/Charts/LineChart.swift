/// Lines through points over a common axis.
struct LineChart: Chart {
  /// One line.
  struct Series: Sendable {
    let name: String
    /// In rising order of x; points that are no numbers interrupt the line.
    let points: [(x: Double, y: Double)]
  }

  let series: [Series]
  let xTitle: String
  let yTitle: String
  var isXLogarithmic = false
  var isYLogarithmic = false
  var isYFromZero = false
  /// How one point is told when the pointer rests on it.
  let hint: @Sendable (Series, Double, Double) -> String

  var legend: [String] { series.count > 1 ? series.map(\.name) : [] }

  func drawn(_ size: ChartSize, id: String, title: String, description: String) -> Markup {
    let points = series.flatMap(\.points)
    let plane = Plane(
      size,
      x: Axis(
        xTitle, values: points.map(\.x), isLogarithmic: isXLogarithmic, padding: 0.02,
        tickCount: size.horizontalTicks),
      y: Axis(
        yTitle, values: points.map(\.y), isLogarithmic: isYLogarithmic, fromZero: isYFromZero, padding: 0.06))
    var parts = [plane.markup]
    for (index, line) in series.enumerated() {
      let runs = line.points.split { !$0.x.isFinite || !$0.y.isFinite || (isYLogarithmic && $0.y <= 0) }
      for run in runs {
        parts.append(Drawing.path(run.map { (plane.x($0.x), plane.y($0.y)) }, "n s\(index % 8)"))
      }
      // Marks tell lines apart without colour; where they would run together, only some are drawn.
      let shown = runs.flatMap { $0 }
      let every = max(1, shown.count / (size == .wide ? 40 : 20))
      for (place, point) in shown.enumerated() where place % every == 0 {
        parts.append(
          Drawing.mark(index, plane.x(point.x), plane.y(point.y), hint: hint(line, point.x, point.y)))
      }
    }
    return Drawing.svg(
      width: size.width, height: plane.height, id: id, title: title, description: description, parts)
  }
}
