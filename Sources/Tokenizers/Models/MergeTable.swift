/// The merges of byte-pair encoding: a pair of token ids gives its rank and the id of the merged token.
struct MergeTable: Sendable {
  /// Two tokens that become one.
  struct Merge: Sendable, BitwiseCopyable {
    var left: Int32
    var right: Int32
    var id: Int32
  }

  /// The answer for a pair that has no merge: a rank behind all others.
  static let none = UInt64.max

  private let merges: LargeArray<Merge>
  /// The rank of each merge; none where it is the place in the list.
  private let ranks: [Int32]
  private let index: HashIndex<UInt32>
  private let multiplier: UInt64

  /// A table of merges; of equal pairs the last one counts.
  ///
  /// - Parameter ranks: of all pairs of a word the one with the lowest rank is joined first; without ranks the first of the list.
  init(_ merges: LargeArray<Merge>, ranks: [Int32] = []) {
    let multiplier = UInt64.random(in: 0...UInt64.max) | 1
    var index = HashIndex<UInt32>(count: merges.count, highest: merges.count - 1)
    merges.withUnsafeBufferPointer { merges in
      index.fill(merges.indices) {
        Self.hash(merges[$0].left, merges[$0].right, multiplier)
      } isSame: {
        merges[$0].left == merges[$1].left && merges[$0].right == merges[$1].right
      }
    }
    self.merges = merges
    self.ranks = ranks
    self.index = index
    self.multiplier = multiplier
  }

  /// Rank in the high and merged id in the low 32 bits, or `none`.
  @inline(__always)
  func merge(_ left: Int32, _ right: Int32) -> UInt64 {
    merges.withUnsafeBufferPointer { merges in
      let number = index.number(Self.hash(left, right, multiplier)) {
        merges[$0].left == left && merges[$0].right == right
      }
      if number < 0 { return Self.none }
      let rank = ranks.isEmpty ? number : Int(ranks[number])
      return UInt64(UInt32(truncatingIfNeeded: rank)) << 32 | UInt64(UInt32(bitPattern: merges[number].id))
    }
  }

  @inline(__always)
  private static func hash(_ left: Int32, _ right: Int32, _ multiplier: UInt64) -> UInt64 {
    let key = UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    let product = (key ^ multiplier).multipliedFullWidth(by: multiplier)
    return product.high ^ product.low
  }
}
