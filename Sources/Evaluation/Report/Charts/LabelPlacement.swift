/// Places names beside points so that no name covers another, a point or a border.
struct LabelPlacement {
  /// A rectangle of the drawing.
  struct Box: Equatable {
    var left: Double
    var top: Double
    var right: Double
    var bottom: Double

    func overlaps(_ other: Box) -> Bool {
      left < other.right && other.left < right && top < other.bottom && other.top < bottom
    }

    func contains(_ other: Box) -> Bool {
      left <= other.left && top <= other.top && right >= other.right && bottom >= other.bottom
    }
  }

  /// Where a name went.
  struct Place: Equatable {
    /// What the name covers.
    let box: Box
    /// The point it belongs to.
    let point: (x: Double, y: Double)
    /// Whether it stands so far off that a line should lead to it.
    let needsLeader: Bool

    /// The line from the point to the name in small boxes; empty where there is none.
    var leader: [Box] {
      guard needsLeader else { return [] }
      let end = (x: min(max(point.x, box.left), box.right), y: min(max(point.y, box.top), box.bottom))
      return (2..<10).map { step in
        let share = Double(step) / 10
        let (x, y) = (point.x + share * (end.x - point.x), point.y + share * (end.y - point.y))
        return Box(left: x - 1, top: y - 1, right: x + 1, bottom: y + 1)
      }
    }

    static func == (left: Place, right: Place) -> Bool {
      left.box == right.box && left.point.x == right.point.x && left.point.y == right.point.y
        && left.needsLeader == right.needsLeader
    }
  }

  /// The area that names may use.
  let area: Box
  /// The height of a name.
  var textHeight = 14.0
  /// Half the size of a point with some air.
  var pointRadius = 7.0

  /// Places for names, in the order of the points; nil for a name that finds none.
  ///
  /// Points with the most neighbours choose first. `lines`, and lines that lead to names, are covered only where nothing
  /// else is free.
  func places(_ points: [(x: Double, y: Double)], widths: [Double], lines: [Box] = []) -> [Place?] {
    let marks = points.map {
      Box(
        left: $0.x - pointRadius, top: $0.y - pointRadius, right: $0.x + pointRadius, bottom: $0.y + pointRadius)
    }
    func crowd(_ index: Int) -> Int {
      points.indices.filter { abs(points[$0].x - points[index].x) < 90 && abs(points[$0].y - points[index].y) < 40 }
        .count
    }
    let order = points.indices.sorted { (crowd($1), $0) < (crowd($0), $1) }
    var result = [Place?](repeating: nil, count: points.count)
    var taken: [Box] = []
    var leaders: [Box] = []
    for index in order {
      func isFree(_ place: Place) -> Bool {
        area.contains(place.box) && !taken.contains { $0.overlaps(place.box) }
          && !marks.contains { $0.overlaps(place.box) }
      }
      func tangles(_ place: Place) -> Bool {
        leaders.contains { $0.overlaps(place.box) }
          || place.leader.contains { step in taken.contains { $0.overlaps(step) } }
      }
      let free = candidates(points[index], width: widths[index]).filter(isFree)
      let clear = free.filter { !tangles($0) }
      let best = clear.first { place in !lines.contains { $0.overlaps(place.box) } }
      guard let chosen = best ?? clear.first ?? free.first else { continue }
      result[index] = chosen
      taken.append(chosen.box)
      leaders += chosen.leader
    }
    return result
  }

  /// Places around a point, the nearest and most readable ones first.
  private func candidates(_ point: (x: Double, y: Double), width: Double) -> [Place] {
    var places: [Place] = []
    for (ring, distance) in [9.0, 20, 34, 50, 68].enumerated() {
      let diagonal = distance * 0.8
      let offsets: [(x: Double, y: Double)] = [
        (distance, -textHeight / 2), (-distance - width, -textHeight / 2),
        (-width / 2, -distance - textHeight), (-width / 2, distance),
        (diagonal, -diagonal - textHeight / 2), (-diagonal - width, -diagonal - textHeight / 2),
        (diagonal, diagonal - textHeight / 2), (-diagonal - width, diagonal - textHeight / 2),
        (-width / 4, -distance - textHeight), (-width * 3 / 4, -distance - textHeight),
        (-width / 4, distance), (-width * 3 / 4, distance),
      ]
      places += offsets.map { offset in
        let (left, top) = (point.x + offset.x, point.y + offset.y)
        return Place(
          box: Box(left: left, top: top, right: left + width, bottom: top + textHeight), point: point,
          needsLeader: ring > 0)
      }
    }
    return places
  }
}
