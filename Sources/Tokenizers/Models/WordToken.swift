/// A token of one word.
struct WordToken: Sendable, Equatable {
  var id: Int32
  /// Offset of its first byte in the word.
  var start: Int32
  /// Offset after its last byte in the word.
  var end: Int32

  init(_ id: Int32, _ start: Int, _ end: Int) {
    self.id = id
    self.start = Int32(truncatingIfNeeded: start)
    self.end = Int32(truncatingIfNeeded: end)
  }
}
