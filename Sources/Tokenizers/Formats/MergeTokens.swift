/// Finds the tokens that merges speak of.
struct MergeTokens {
  /// So many merges are looked up together.
  static let batch = 64

  let pieces: ByteStringTable
  /// The length of what stands before all symbols of a word but the first, which a merge drops.
  let prefixLength: Int

  /// The ids of both sides of a merge and of what it makes; −1 where there is no such token.
  typealias IDs = (left: Int32, right: Int32, joined: Int32)

  /// Visits merges with the ids of their tokens.
  ///
  /// - Parameter last: what the merge before the first one makes.
  @inline(__always)
  func forEachMerge(
    of merges: [MergeList.Sides], _ bytes: TextSpans.Reader, after last: Int32,
    _ body: (_ left: ByteSlice, _ right: ByteSlice, _ ids: IDs) -> Void
  ) {
    var last = last
    withUnsafeTemporaryAllocation(of: ByteSlice.self, capacity: 2 * Self.batch) { sides in
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * Self.batch) { ids in
        for start in stride(from: 0, to: merges.count, by: Self.batch) {
          let count = min(Self.batch, merges.count - start)
          for position in 0..<count {
            let merge = merges[start + position]
            sides.initializeElement(at: 2 * position, to: bytes[merge.left])
            sides.initializeElement(at: 2 * position + 1, to: bytes[merge.right])
          }
          pieces.find(UnsafeBufferPointer(rebasing: sides[..<(2 * count)]), into: ids)
          for left in stride(from: 0, to: 2 * count, by: 2) {
            last = joined(sides[left], sides[left + 1], after: last)
            body(sides[left], sides[left + 1], (ids[left], ids[left + 1], last))
          }
        }
      }
    }
  }

  /// The token that a merge makes, or −1; merges mostly follow the order of the ids.
  @inline(__always)
  private func joined(_ left: ByteSlice, _ right: ByteSlice, after last: Int32) -> Int32 {
    let rest = right.part(min(prefixLength, right.count)..<right.count)
    if pieces.spells(Int(last) + 1, left, rest) { return last + 1 }
    if pieces.spells(Int(last), left, rest) { return last }
    return pieces.id(of: Array(left.bytes) + rest.bytes)
  }
}
