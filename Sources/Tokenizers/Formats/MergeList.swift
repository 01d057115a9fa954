/// The merges of byte-pair encoding as a file gives them, in order of rank.
///
/// Where the tokens are known from the start, the merges are looked up while they are read, so that no list of their
/// spellings is kept.
struct MergeList {
  /// A merge of tokens that are not there.
  struct Unknown: Error {
    let rank: Int
    /// Both sides, with a space between.
    let spelling: String
  }

  typealias Sides = (left: TextSpans.Span, right: TextSpans.Span)

  var text: TextSpans
  private let tokens: MergeTokens?
  /// Merges not looked up yet, which follow those that are.
  private var waiting: [Sides] = []
  private var merges = LargeArray<MergeTable.Merge>()
  private var unknown: Unknown?

  /// An empty list of merges of tokens, where they are known.
  init(of text: TextSpans = TextSpans(), _ tokens: MergeTokens? = nil) {
    self.text = text
    self.tokens = tokens
  }

  /// The number of merges.
  var count: Int { merges.count + waiting.count }

  /// Makes room for as many merges as so many bytes of a file are likely to have.
  mutating func reserve(forBytes count: Int) {
    if tokens == nil { waiting.reserveCapacity(count / 16) } else { merges.reserveCapacity(count / 16) }
  }

  /// Adds a merge whose sides lie in the file.
  @inline(__always)
  mutating func append(inFile left: Range<Int>, _ right: Range<Int>) {
    append(text.span(inFile: left), text.span(inFile: right))
  }

  /// Adds a merge of spans of `text`.
  @inline(__always)
  mutating func append(_ left: TextSpans.Span, _ right: TextSpans.Span) {
    waiting.append((left, right))
    if waiting.count >= MergeTokens.batch, let tokens { lookUp(tokens) }
  }

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

  /// The table of all merges.
  ///
  /// - Parameter tokens: those of the whole file; they are the same where the list had some from the start.
  /// - Throws: `Unknown` for the first merge that names a token that is not there.
  func table(_ tokens: MergeTokens) throws(Unknown) -> MergeTable {
    guard waiting.isEmpty else {
      var complete = self
      complete.lookUp(tokens)
      return try complete.table(tokens)
    }
    if let unknown { throw unknown }
    return MergeTable(merges)
  }

  /// Looks up the merges that wait.
  mutating func lookUp(_ tokens: MergeTokens) {
    let text = text
    var waiting: [Sides] = []
    swap(&waiting, &self.waiting)
    text.withBytes { bytes in
      tokens.forEachMerge(of: waiting, bytes, after: merges.last?.id ?? -1) { left, right, ids in
        if min(ids.left, ids.right, ids.joined) < 0, unknown == nil {
          let spelling = [left, right].map { String(decoding: $0.bytes, as: UTF8.self) }.joined(separator: " ")
          unknown = Unknown(rank: merges.count, spelling: spelling)
        }
        merges.append(MergeTable.Merge(left: ids.left, right: ids.right, id: ids.joined))
      }
    }
    waiting.removeAll(keepingCapacity: true)
    swap(&waiting, &self.waiting)
  }
}
