/// The tokens of words already seen, so that a word of the language is encoded once.
///
/// Holds a fixed number of words; when it is full it forgets them all, which bounds its memory whatever the text.
struct WordCache {
  /// Longer words are not kept.
  static let longestWord = 64
  private static let firstSlotCount = 1 << 12
  private static let wordLimit = 1 << 16
  private static let byteLimit = 1 << 21

  private struct Entry {
    var hash: UInt64 = 0
    var wordStart: Int32 = 0
    var wordCount: Int32 = -1
    var tokenStart: Int32 = 0
    var tokenCount: Int32 = 0
  }

  private var entries: [Entry] = []
  private var words: [UInt8] = []
  private var tokens: [WordToken] = []
  private var count = 0
  private let hash = ByteHash()

  /// The tokens of a word, appended to `result` by `body` one by one; false where the word is not known.
  @inline(__always)
  mutating func forEachToken(of word: ByteSlice, _ body: (WordToken) -> Void) -> Bool {
    if entries.isEmpty { return false }
    let hash = hash(word)
    var index = Int(truncatingIfNeeded: hash) & (entries.count - 1)
    return entries.withUnsafeBufferPointer { entries in
      while entries[index].wordCount >= 0 {
        let entry = entries[index]
        if entry.hash == hash, equals(entry, word) {
          tokens.withUnsafeBufferPointer { tokens in
            let start = Int(entry.tokenStart)
            for position in start..<start + Int(entry.tokenCount) { body(tokens[position]) }
          }
          return true
        }
        index = (index + 1) & (entries.count - 1)
      }
      return false
    }
  }

  /// Remembers the tokens of a word that is not known.
  mutating func insert(_ word: ByteSlice, _ new: ArraySlice<WordToken>) {
    if entries.isEmpty || count >= Self.wordLimit || words.count >= Self.byteLimit {
      removeAll()
    } else if count * 2 >= entries.count {
      grow()
    }
    let hash = hash(word)
    var index = Int(truncatingIfNeeded: hash) & (entries.count - 1)
    while entries[index].wordCount >= 0 { index = (index + 1) & (entries.count - 1) }
    entries[index] = Entry(
      hash: hash, wordStart: Int32(words.count), wordCount: Int32(word.count), tokenStart: Int32(tokens.count),
      tokenCount: Int32(new.count))
    words.append(contentsOf: word.bytes)
    tokens.append(contentsOf: new)
    count += 1
  }

  private mutating func grow() {
    let old = entries
    entries = Array(repeating: Entry(), count: old.count * 2)
    for entry in old where entry.wordCount >= 0 {
      var index = Int(truncatingIfNeeded: entry.hash) & (entries.count - 1)
      while entries[index].wordCount >= 0 { index = (index + 1) & (entries.count - 1) }
      entries[index] = entry
    }
  }

  private mutating func removeAll() {
    entries = Array(repeating: Entry(), count: Self.firstSlotCount)
    words.removeAll(keepingCapacity: true)
    tokens.removeAll(keepingCapacity: true)
    count = 0
  }

  @inline(__always)
  private func equals(_ entry: Entry, _ word: ByteSlice) -> Bool {
    words.withUnsafeBufferPointer { ByteSlice($0, Int(entry.wordStart), Int(entry.wordCount)) == word }
  }
}
