/// The spellings of all tokens by id: those of the model, and those of the added tokens that the model spells otherwise
/// or does not have.
struct TokenSpellings: Sendable {
  private let vocabulary: ByteStringTable
  private var added: [Int: [UInt8]] = [:]
  private var addedIDs: [[UInt8]: Int32] = [:]
  /// No id below is in `added`: most ids need no look-up there.
  private var firstAdded = Int.max
  /// One more than the highest id.
  let idLimit: Int

  /// The spellings of a model and of added tokens, of which the last one counts where ids or spellings are equal.
  init(_ vocabulary: ByteStringTable, added tokens: [AddedToken] = []) {
    self.vocabulary = vocabulary
    idLimit = max(vocabulary.idLimit, (tokens.map(\.id).max() ?? -1) + 1)
    for token in tokens where vocabulary.id(of: token.content) != token.id || vocabulary[token.id] != token.content[...]
    {
      added[token.id] = token.content
      addedIDs[token.content] = Int32(truncatingIfNeeded: token.id)
      firstAdded = min(firstAdded, token.id)
    }
  }

  /// The id of a spelling, or −1.
  func id(of bytes: [UInt8]) -> Int32 { addedIDs[bytes] ?? vocabulary.id(of: bytes) }

  /// The spelling of an id, or nil where there is no such token.
  subscript(id: Int) -> ArraySlice<UInt8>? {
    if id >= firstAdded, let content = added[id] { return content[...] }
    return vocabulary[id]
  }

  /// Calls `body` with the spelling of an id, if it has one.
  @inline(__always)
  func withBytes(_ id: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
    if id >= firstAdded, let content = added[id] { return content.withUnsafeBufferPointer(body) }
    if vocabulary.hasString(id) { vocabulary.withBytes(id, body) }
  }
}
