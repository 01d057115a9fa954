/// Which of several compromises no other one beats.
enum ParetoFront {
  /// For each point, whether no other point is at most as large in both values and smaller in one; points that are no
  /// numbers are never on the front.
  static func contains(_ points: [(x: Double, y: Double)]) -> [Bool] {
    points.map { point in
      guard point.x.isFinite, point.y.isFinite else { return false }
      return !points.contains { other in
        other.x <= point.x && other.y <= point.y && (other.x < point.x || other.y < point.y)
      }
    }
  }
}
