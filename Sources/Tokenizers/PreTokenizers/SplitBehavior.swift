/// What happens to the parts of a text that a `Split` step finds.
enum SplitBehavior: String, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  /// Appends the pieces of `range` that its `matches` (ordered, disjoint) cut it into.
  func apply(_ matches: [Range<Int>], to range: Range<Int>, inverted: Bool, into pieces: inout [Range<Int>]) {
    var parts: [(range: Range<Int>, isMatch: Bool)] = []
    var end = range.lowerBound
    for match in matches {
      if end < match.lowerBound { parts.append((end..<match.lowerBound, inverted)) }
      parts.append((match, !inverted))
      end = match.upperBound
    }
    if end < range.upperBound { parts.append((end..<range.upperBound, inverted)) }
    switch self {
    case .isolated: pieces.append(contentsOf: parts.map(\.range).filter { !$0.isEmpty })
    case .removed: pieces.append(contentsOf: parts.filter { !$0.isMatch && !$0.range.isEmpty }.map(\.range))
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
    for part in parts where !part.range.isEmpty {
      if let previous = last, joins(previous.isMatch, part.isMatch) {
        last = (previous.range.lowerBound..<part.range.upperBound, part.isMatch)
      } else {
        if let previous = last { pieces.append(previous.range) }
        last = part
      }
    }
    if let previous = last { pieces.append(previous.range) }
  }
}
