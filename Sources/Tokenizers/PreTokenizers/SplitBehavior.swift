/// What happens to the parts of a text that a `Split` step finds.
enum SplitBehavior: String, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  /// The behavior as files spell it: `Isolated`, or `isolated`.
  init?(spelling: String) {
    let capital = spelling.prefix(1).uppercased() + spelling.dropFirst()
    let joined = capital.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    guard let behavior = SplitBehavior(rawValue: joined) else { return nil }
    self = behavior
  }

  /// Appends the pieces of `range`, of which `classify` tells for each part of it, from an offset on, whether it is a
  /// match, and its length.
  @inline(__always)
  func split(
    _ range: Range<Int>, into pieces: inout [Range<Int>], classify: (Int) -> (isMatch: Bool, length: Int)
  ) {
    var start = range.lowerBound
    var index = start
    var wasMatch = false
    while index < range.upperBound {
      let (isMatch, length) = classify(index)
      if index > start, isPieceEnd(between: wasMatch, isMatch) {
        if self != .removed || !wasMatch { pieces.append(start..<index) }
        start = index
      }
      wasMatch = isMatch
      index += length
    }
    if start < index, self != .removed || !wasMatch { pieces.append(start..<index) }
  }

  /// Whether a piece ends between two parts, of which each is a match or not.
  @inline(__always)
  private func isPieceEnd(between left: Bool, _ right: Bool) -> Bool {
    switch self {
    case .contiguous: left != right
    case .isolated, .removed: left || right
    case .mergedWithPrevious: left
    case .mergedWithNext: right
    }
  }

  /// Appends the pieces of `range` that its `matches` (ordered, disjoint, perhaps empty) cut it into.
  func apply(_ matches: [Range<Int>], to range: Range<Int>, inverted: Bool, into pieces: inout [Range<Int>]) {
    if self == .isolated || (self == .removed && inverted) {
      var end = range.lowerBound
      for match in matches {
        if end < match.lowerBound, self == .isolated { pieces.append(end..<match.lowerBound) }
        if !match.isEmpty { pieces.append(match) }
        end = match.upperBound
      }
      if end < range.upperBound, self == .isolated { pieces.append(end..<range.upperBound) }
      return
    }
    var parts: [(range: Range<Int>, isMatch: Bool)] = []
    var end = range.lowerBound
    for match in matches {
      if end < match.lowerBound { parts.append((end..<match.lowerBound, inverted)) }
      parts.append((match, !inverted))
      end = match.upperBound
    }
    if end < range.upperBound { parts.append((end..<range.upperBound, inverted)) }
    switch self {
    case .isolated, .removed: pieces.append(contentsOf: parts.filter { !$0.isMatch }.map(\.range))
    case .contiguous: merge(parts, into: &pieces) { $0 == $1 }
    case .mergedWithPrevious: merge(parts, into: &pieces) { !$0 && $1 }
    case .mergedWithNext: merge(parts, into: &pieces) { $0 && !$1 }
    }
  }

  /// Joins each part with the one before it where `joins` says so of their flags.
  private func merge(
    _ parts: [(range: Range<Int>, isMatch: Bool)], into pieces: inout [Range<Int>],
    joins: (_ left: Bool, _ right: Bool) -> Bool
  ) {
    var last: (range: Range<Int>, isMatch: Bool)?
    for part in parts {
      if let previous = last, joins(previous.isMatch, part.isMatch) {
        last = (previous.range.lowerBound..<part.range.upperBound, part.isMatch)
      } else {
        if let previous = last, !previous.range.isEmpty { pieces.append(previous.range) }
        last = part
      }
    }
    if let previous = last, !previous.range.isEmpty { pieces.append(previous.range) }
  }
}
