extension KeyValueCache.Rows {
  /// Whether keys and values are rows of their own.
  private var kinds: [Bool] { valueDimension > 0 ? [false, true] : [false] }

  /// Bytes for each position of a sequence.
  func bytesPerPosition(_ form: CacheForm) -> Int {
    kinds.reduce(0) { $0 + heads * (($1 ? valueDimension : keyDimension) * form.entryBytes + form.scaleBytes) }
  }

  /// Where the keys or values of one head lie in memory with room for so many positions: scales first, then keys and values, head by head.
  func place(
    head: Int, areValues: Bool, in memory: UnsafeMutableRawPointer, room: Int, _ form: CacheForm
  ) -> CachedRows {
    let width = areValues ? valueDimension : keyDimension
    let allScales = heads * (valueDimension > 0 ? 2 : 1) * form.scaleBytes
    let entries = (areValues ? heads * keyDimension : 0) + head * width
    let scales = ((areValues ? heads : 0) + head) * form.scaleBytes
    return CachedRows(
      form: form, entries: memory + room * (allScales + entries * form.entryBytes),
      scales: form.scaleBytes > 0 ? (memory + room * scales).assumingMemoryBound(to: Float.self) : nil, stride: width)
  }

  /// Copies the first `count` positions between memories that have room for so many.
  func copy(
    first count: Int, _ from: UnsafeMutableRawPointer, room fromRoom: Int, to: UnsafeMutableRawPointer,
    room toRoom: Int,
    _ form: CacheForm
  ) {
    for areValues in kinds {
      for head in 0..<heads {
        place(head: head, areValues: areValues, in: to, room: toRoom, form)
          .take(first: count, of: place(head: head, areValues: areValues, in: from, room: fromRoom, form))
      }
    }
  }
}
