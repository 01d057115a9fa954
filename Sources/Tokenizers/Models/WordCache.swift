/// The tokens of words already seen, so that a word of the language is encoded once.
///
/// Holds a fixed number of words; when it is full it forgets them all, which bounds its memory whatever the text. Words
/// lie in the order in which they were met, so that the frequent ones lie close together.
struct WordCache {
  /// Longer words are not kept.
  static let longestWord = 64
  private static let firstWordCount = 1 << 11
  private static let wordLimit = 1 << 16
  private static let byteLimit = 1 << 21

  private struct Entry {
    var hash: UInt64
    var wordStart: Int32
    var wordCount: Int32
    var tokenStart: Int32
    var tokenCount: Int32
  }

  private var entries: [Entry] = []
  private var index = HashIndex<UInt32>(count: 0, highest: 0)
  /// So many words the index has room for.
  private var room = 0
  private var words: [UInt8] = []
  private var tokens: [WordToken] = []
  private let hash = ByteHash()

  /// The tokens of a word, appended to `result` by `body` one by one; false where the word is not known.
  @inline(__always)
  mutating func forEachToken(of word: ByteSlice, _ body: (WordToken) -> Void) -> Bool {
    let hash = hash(word)
    return entries.withUnsafeBufferPointer { entries in
      let number = index.number(hash) { entries[$0].hash == hash && equals(entries[$0], word) }
      if number < 0 { return false }
      tokens.withUnsafeBufferPointer { tokens in
        let start = Int(entries[number].tokenStart)
        for position in start..<start + Int(entries[number].tokenCount) { body(tokens[position]) }
      }
      return true
    }
  }

  /// Remembers the tokens of a word that is not known.
  mutating func insert(_ word: ByteSlice, _ new: ArraySlice<WordToken>) {
    if entries.count >= Self.wordLimit || words.count >= Self.byteLimit {
      entries.removeAll(keepingCapacity: true)
      words.removeAll(keepingCapacity: true)
      tokens.removeAll(keepingCapacity: true)
      makeRoom(for: Self.firstWordCount)
    } else if entries.count >= room {
      makeRoom(for: max(Self.firstWordCount, 2 * room))
    }
    let hash = hash(word)
    index.insert(entries.count, hash)
    entries.append(
      Entry(
        hash: hash, wordStart: Int32(words.count), wordCount: Int32(word.count), tokenStart: Int32(tokens.count),
        tokenCount: Int32(new.count)))
    words.append(contentsOf: word.bytes)
    tokens.append(contentsOf: new)
  }

  private mutating func makeRoom(for count: Int) {
    room = count
    index = HashIndex(count: count, highest: Self.wordLimit)
    for (number, entry) in entries.enumerated() { index.insert(number, entry.hash) }
  }

  @inline(__always)
  private func equals(_ entry: Entry, _ word: ByteSlice) -> Bool {
    words.withUnsafeBufferPointer { ByteSlice($0, Int(entry.wordStart), Int(entry.wordCount)) == word }
  }
}
