/// The keys and values that a cache has kept for one block: where they lie, without a reference to the cache, which many small pieces of work
/// would count.
struct CachedBlock {
  let rows: KeyValueCache.Rows
  let memory: UnsafeMutableRawPointer
  /// The positions there is memory for.
  let room: Int
  let form: CacheForm

  /// The keys of one head.
  func keys(head: Int) -> CachedRows { rows.place(head: head, areValues: false, in: memory, room: room, form) }

  /// The values of one head; the keys where they serve as values.
  func values(head: Int) -> CachedRows {
    rows.place(head: head, areValues: rows.valueDimension > 0, in: memory, room: room, form)
  }
}
