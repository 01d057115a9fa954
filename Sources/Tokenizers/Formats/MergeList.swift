/// The merges of byte-pair encoding as a file gives them, in order of rank.
struct MergeList: Sendable {
  var text: TextSpans
  private var merges: [(left: TextSpans.Span, right: TextSpans.Span)] = []

  /// An empty list of merges whose sides may lie in a file.
  init(of file: [UInt8] = []) { text = TextSpans(of: file) }

  /// The number of merges.
  var count: Int { merges.count }

  /// Adds a merge whose sides lie in the file.
  @inline(__always)
  mutating func append(inFile left: Range<Int>, _ right: Range<Int>) {
    append(text.span(inFile: left), text.span(inFile: right))
  }

  /// Adds a merge of spans of `text`.
  @inline(__always)
  mutating func append(_ left: TextSpans.Span, _ right: TextSpans.Span) { merges.append((left, right)) }

  /// Adds a merge of two spellings.
  mutating func append(_ left: some Sequence<UInt8>, _ right: some Sequence<UInt8>) throws {
    append(try text.span { $0.append(contentsOf: left) }, try text.span { $0.append(contentsOf: right) })
  }

  /// Adds a merge written with a space between its sides; false where it is not that.
  mutating func append(spaced merge: some Collection<UInt8>) throws -> Bool {
    guard let space = merge.firstIndex(of: 0x20), space != merge.startIndex else { return false }
    let right = merge[merge.index(after: space)...]
    guard !right.isEmpty, !right.contains(0x20) else { return false }
    try append(merge[..<space], right)
    return true
  }

  /// Makes room for as many merges as so many bytes of a file are likely to have.
  mutating func reserve(forBytes count: Int) { merges.reserveCapacity(count / 16) }

  /// Calls `body` with the sides of all merges, in order of rank.
  func withSides<Result>(_ body: (Sides) throws -> Result) rethrows -> Result {
    try text.withBytes { bytes in
      try merges.withUnsafeBufferPointer { try body(Sides(merges: $0, bytes: bytes)) }
    }
  }

  /// The sides of merges by rank.
  struct Sides {
    fileprivate let merges: UnsafeBufferPointer<(left: TextSpans.Span, right: TextSpans.Span)>
    fileprivate let bytes: TextSpans.Reader

    /// The left and the right side of each of some merges, in turn.
    subscript(ranks: Range<Int>) -> [ByteSlice] {
      Array(unsafeUninitializedCapacity: 2 * ranks.count) { sides, count in
        for rank in ranks {
          sides.initializeElement(at: count, to: bytes[merges[rank].left])
          sides.initializeElement(at: count + 1, to: bytes[merges[rank].right])
          count += 2
        }
      }
    }
  }
}
