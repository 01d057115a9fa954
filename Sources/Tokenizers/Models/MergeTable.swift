/// The merges of byte-pair encoding: a pair of token ids gives its rank and the id of the merged token.
struct MergeTable: Sendable {
  private static let free = UInt64.max
  /// A pair and its answer side by side: one look-up is one line of the cache.
  private struct Slot {
    var key = MergeTable.free
    var value = MergeTable.none
  }

  private var slots: [Slot]
  private let shift: UInt64
  private let multiplier = UInt64.random(in: 0...UInt64.max) | 1

  /// The answer for a pair that has no merge: a rank behind all others.
  static let none = UInt64.max

  /// An empty table with room for `capacity` merges.
  init(capacity: Int) {
    var bits: UInt64 = 4
    while 1 << bits < capacity + capacity / 2 { bits += 1 }
    shift = 64 - bits
    slots = Array(repeating: Slot(), count: 1 << bits)
  }

  /// Adds a merge; of equal pairs the last one counts.
  mutating func insert(_ left: Int32, _ right: Int32, rank: Int, id: Int32) {
    let key = Self.key(left, right)
    let index = slot(of: key)
    slots[index] = Slot(key: key, value: UInt64(rank) << 32 | UInt64(UInt32(bitPattern: id)))
  }

  /// Rank in the high and merged id in the low 32 bits, or `none`.
  @inline(__always)
  func merge(_ left: Int32, _ right: Int32) -> UInt64 { slots[slot(of: Self.key(left, right))].value }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    var hash = (key ^ key >> 29) &* multiplier
    hash = (hash ^ hash >> 32) &* multiplier
    var index = Int(truncatingIfNeeded: hash >> shift)
    return slots.withUnsafeBufferPointer { slots in
      while slots[index].key != key, slots[index].key != Self.free { index = (index + 1) & (slots.count - 1) }
      return index
    }
  }
}
