/// Which ASCII characters a match can begin with; a match that begins otherwise is not ruled out.
struct FirstBytes: Sendable {
  private(set) var low: UInt64
  private(set) var high: UInt64
  /// Whether a match can be empty, so that nothing is ruled out.
  private(set) var isNullable: Bool

  /// What a tree can begin with.
  init(_ tree: RegexSyntax) {
    (low, high, isNullable) = (0, 0, false)
    switch tree {
    case .set(let set): (low, high) = set.ascii
    case .empty, .look, .place: isNullable = true
    case .atomic(let inner): self = FirstBytes(inner)
    case .repetition(let inner, let minimum, _, _):
      self = FirstBytes(inner)
      if minimum == 0 { isNullable = true }
    case .alternation(let branches):
      for branch in branches {
        let first = FirstBytes(branch)
        unite(first, nullable: isNullable || first.isNullable)
      }
    case .sequence(let items):
      isNullable = true
      for item in items where isNullable {
        let first = FirstBytes(item)
        unite(first, nullable: first.isNullable)
      }
    }
  }

  private mutating func unite(_ other: FirstBytes, nullable: Bool) {
    low |= other.low
    high |= other.high
    isNullable = nullable
  }

  /// Whether a match can begin with this byte.
  @inline(__always)
  func allows(_ byte: UInt8) -> Bool {
    if isNullable || byte >= 0x80 { return true }
    return (byte < 64 ? low >> UInt64(byte) : high >> UInt64(byte - 64)) & 1 != 0
  }
}
