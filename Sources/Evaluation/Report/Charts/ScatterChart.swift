/// Named points between two axes, with a line through those that no other beats.
struct ScatterChart: Chart {
  /// One point.
  struct Point: Sendable {
    let name: String
    let x: Double
    let y: Double
    /// Both values in words.
    let text: String
    /// Whether no other point is better in one direction without being worse in the other.
    let isOnFront: Bool
  }

  let points: [Point]
  let xTitle: String
  let yTitle: String
  var isXLogarithmic = false
  var isYLogarithmic = false

  /// Where everything lies in one layout.
  private struct Arrangement {
    let plane: Plane
    let labels: [String]
    /// Nil for points whose label finds no room.
    let places: [LabelPlacement.Place?]
    let isNumbered: Bool
  }

  private func arranged(_ size: ChartSize) -> Arrangement {
    let plane = Plane(
      size,
      x: Axis(
        xTitle, values: points.map(\.x), isLogarithmic: isXLogarithmic, padding: 0.08,
        tickCount: size.horizontalTicks - 1),
      y: Axis(yTitle, values: points.map(\.y), isLogarithmic: isYLogarithmic, padding: 0.1))
    let spots = points.map { (x: plane.x($0.x), y: plane.y($0.y)) }
    let placement = LabelPlacement(
      area: .init(left: plane.left + 2, top: plane.top - 6, right: size.width, bottom: plane.bottom - 1))
    // The line of the front, cut into short boxes.
    let front = frontPath(plane)
    let lines = zip(front, front.dropFirst()).flatMap { from, to in
      (0...10).map { step -> LabelPlacement.Box in
        let share = Double(step) / 10
        let (x, y) = (from.x + share * (to.x - from.x), from.y + share * (to.y - from.y))
        return .init(left: x - 2, top: y - 2, right: x + 2, bottom: y + 2)
      }
    }
    let names = points.map { TextWidth.shortened($0.name, to: size == .wide ? 230 : 130) }
    // Names on the front are bold, and bold letters are wider.
    let widths = zip(names, points).map { TextWidth.of($0) * ($1.isOnFront ? 1.1 : 1) }
    let places = placement.places(spots, widths: widths, lines: lines)
    if !places.contains(nil) { return Arrangement(plane: plane, labels: names, places: places, isNumbered: false) }
    let numbers = points.indices.map { "\($0 + 1)" }
    return Arrangement(
      plane: plane, labels: numbers, places: placement.places(spots, widths: numbers.map(TextWidth.of), lines: lines),
      isNumbered: true)
  }

  private func frontPath(_ plane: Plane) -> [(x: Double, y: Double)] {
    points.filter(\.isOnFront).sorted { ($0.x, $0.y) < ($1.x, $1.y) }.map { (plane.x($0.x), plane.y($0.y)) }
  }

  func drawn(_ size: ChartSize, id: String, title: String, description: String) -> Markup {
    let arrangement = arranged(size)
    let plane = arrangement.plane
    var parts = [plane.markup, Drawing.path(frontPath(plane), "p")]
    for (index, point) in points.enumerated() {
      if let place = arrangement.places[index] {
        if place.needsLeader {
          let end = (
            min(max(place.point.x, place.box.left), place.box.right),
            min(max(place.point.y, place.box.top), place.box.bottom)
          )
          parts.append(Drawing.line(place.point.x, place.point.y, end.0, end.1, "k"))
        }
        parts.append(
          Drawing.label(
            arrangement.labels[index], place.box.left, place.box.bottom - 3, style: point.isOnFront ? "l f" : "l"))
      }
    }
    for point in points {
      parts.append(
        Drawing.mark(point.isOnFront ? 0 : 7, plane.x(point.x), plane.y(point.y), hint: "\(point.name): \(point.text)"))
    }
    return Drawing.svg(
      width: size.width, height: plane.height, id: id, title: title, description: description, parts)
  }

  func key(_ size: ChartSize) -> Markup {
    guard arranged(size).isNumbered else { return .empty }
    return .element("ol", ["class": "key"], points.map { .element("li", text: $0.name) })
  }
}
