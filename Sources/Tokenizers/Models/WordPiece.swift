/// WordPiece: the longest piece of the vocabulary first, from left to right; a word that cannot be covered is unknown.
struct WordPiece: Sendable {
  /// Pieces that begin a word.
  private let first: PieceTrie
  /// Pieces that go on with a word, without their prefix.
  private let continuing: PieceTrie
  private let unknownID: Int32?
  private let unknownPiece: String
  private let longestWord: Int

  init(
    pieces: ByteStringTable, ids: [Int], prefix: [UInt8], unknownPiece: String, unknownID: Int32?, longestWord: Int
  ) {
    var first = PieceTrie(capacity: ids.count * 4)
    var continuing = PieceTrie(capacity: ids.count * 2)
    for id in ids {
      pieces.withBytes(id) { piece in
        first.insert(piece, id: Int32(id))
        if piece.starts(with: prefix) {
          continuing.insert(UnsafeBufferPointer(rebasing: piece[prefix.count...]), id: Int32(id))
        }
      }
    }
    self.first = first
    self.continuing = continuing
    self.unknownPiece = unknownPiece
    self.unknownID = unknownID
    self.longestWord = longestWord
  }

  /// Appends the tokens of one word.
  func encode(_ word: UnsafeBufferPointer<UInt8>, into tokens: inout [WordToken]) throws {
    let count = tokens.count
    if word.reduce(0, { $0 + ($1 & 0xc0 != 0x80 ? 1 : 0) }) <= longestWord {
      var start = 0
      while start < word.count,
        let match = longest(start == 0 ? first : continuing, word, from: start)
      {
        tokens.append(WordToken(match.id, start, match.end))
        start = match.end
      }
      if start == word.count { return }
      tokens.removeLast(tokens.count - count)
    }
    guard let unknownID else {
      throw TokenizerError(
        .cannotEncode, "a word cannot be encoded, and the unknown token \"\(unknownPiece)\" is not in the vocabulary")
    }
    tokens.append(WordToken(unknownID, 0, word.count))
  }

  /// The longest piece that ends between two characters.
  private func longest(
    _ trie: PieceTrie, _ word: UnsafeBufferPointer<UInt8>, from start: Int
  ) -> (id: Int32, end: Int)? {
    var found: (Int32, Int)?
    trie.forEachPrefix(of: word, at: start, upTo: word.count) { id, end in
      if end == word.count || word[end] & 0xc0 != 0x80 { found = (id, end) }
    }
    return found
  }
}
