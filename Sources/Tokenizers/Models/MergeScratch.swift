/// The symbols of the word being merged; one value is reused for all words of a text.
struct MergeScratch {
  private var ids: [Int32] = []
  private var lengths: [Int32] = []
  /// Merge of each symbol with its right neighbour, as `MergeTable` answers it.
  private var pairs: [UInt64] = []
  private var next: [Int32] = []
  private var previous: [Int32] = []
  private var heap = MinimumHeap()

  /// The number of symbols.
  var count: Int { ids.count }

  /// Forgets the last word.
  mutating func removeAll() {
    ids.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
  }

  /// Adds a symbol that covers this many bytes of the word.
  mutating func append(_ id: Int32, length: Int) {
    ids.append(id)
    lengths.append(Int32(truncatingIfNeeded: length))
  }

  /// Visits the symbols from left to right.
  func forEachSymbol(_ body: (_ id: Int32, _ length: Int) -> Void) {
    for index in ids.indices where ids[index] != Self.removed { body(ids[index], Int(lengths[index])) }
  }

  /// Merges in place by looking for the lowest rank each time: best for short words.
  mutating func mergeByScanning(_ table: borrowing MergeTable) {
    var count = ids.count
    guard count > 1 else { return }
    pairs.removeAll(keepingCapacity: true)
    for index in 0..<count - 1 { pairs.append(table.merge(ids[index], ids[index + 1])) }
    while count > 1 {
      var best = MergeTable.none
      var position = 0
      for index in 0..<count - 1 where pairs[index] < best {
        best = pairs[index]
        position = index
      }
      if best == MergeTable.none { break }
      ids[position] = Int32(truncatingIfNeeded: best)
      lengths[position] += lengths[position + 1]
      var index = position + 1
      while index < count - 1 {
        ids[index] = ids[index + 1]
        lengths[index] = lengths[index + 1]
        pairs[index - 1] = pairs[index]
        index += 1
      }
      count -= 1
      if position > 0 { pairs[position - 1] = table.merge(ids[position - 1], ids[position]) }
      if position < count - 1 { pairs[position] = table.merge(ids[position], ids[position + 1]) }
    }
    ids.removeLast(ids.count - count)
    lengths.removeLast(lengths.count - count)
  }

  /// Merges with a linked list and a heap of candidates: n log n for a word of n symbols.
  mutating func mergeWithHeap(_ table: borrowing MergeTable) {
    let count = ids.count
    next = (0..<count).map { $0 + 1 < count ? Int32($0 + 1) : -1 }
    previous = (0..<count).map { Int32($0 - 1) }
    pairs = Array(repeating: MergeTable.none, count: count)
    heap.removeAll()
    for index in 0..<count { refresh(index, table) }
    while let candidate = heap.popMinimum() {
      let position = Int(candidate & 0xffff_ffff)
      let merge = pairs[position]
      guard merge != MergeTable.none, merge >> 32 == candidate >> 32 else { continue }
      let right = Int(next[position])
      ids[position] = Int32(truncatingIfNeeded: merge)
      lengths[position] += lengths[right]
      ids[right] = Self.removed
      pairs[right] = MergeTable.none
      next[position] = next[right]
      if next[right] >= 0 { previous[Int(next[right])] = Int32(position) }
      if previous[position] >= 0 { refresh(Int(previous[position]), table) }
      refresh(position, table)
    }
  }

  private static let removed = Int32.min

  private mutating func refresh(_ position: Int, _ table: borrowing MergeTable) {
    let right = Int(next[position])
    let merge = right >= 0 ? table.merge(ids[position], ids[right]) : MergeTable.none
    pairs[position] = merge
    if merge != MergeTable.none { heap.insert((merge & ~0xffff_ffff) | UInt64(position)) }
  }
}
