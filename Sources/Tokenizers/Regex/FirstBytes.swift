/// Which bytes a match can begin with.
struct FirstBytes: Sendable {
  /// The ASCII characters, one bit each.
  private(set) var low: UInt64
  private(set) var high: UInt64
  /// The bytes from 0xC0 on that begin all other scalars, one bit each.
  private(set) var leads: UInt64
  /// Whether a match can be empty, so that nothing is ruled out.
  private(set) var isNullable: Bool

  /// What a tree can begin with.
  init(_ tree: RegexSyntax) {
    (low, high, leads, isNullable) = (0, 0, 0, false)
    switch tree {
    case .set(let set):
      (low, high) = set.ascii
      leads = set.leads
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
    leads |= other.leads
    isNullable = nullable
  }

  /// Whether a match can begin with this byte.
  @inline(__always)
  func allows(_ byte: UInt8) -> Bool {
    if isNullable { return true }
    // The other bytes of a scalar begin nothing.
    let bits = byte < 64 ? low : byte < 128 ? high : byte < 192 ? 0 : leads
    return bits >> UInt64(byte & 63) & 1 != 0
  }
}
