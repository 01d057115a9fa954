import JSONReader

/// The bytes of a `tokenizer.json`: the long lists of the model as places in the file, the rest as values.
struct TokenizerJSONContent {
  /// The file without `model.vocab` and `model.merges`.
  var root: [(key: String, value: JSONValue)] = []
  var model: [(key: String, value: JSONValue)] = []
  var pieces = PieceList()
  /// Whether `model.vocab` is there.
  var hasVocabulary = false
  /// Whether `model.vocab` is a list, as for Unigram.
  var isScored = false
  var merges: MergeList?
  /// The table of `pieces`, where reading the merges needed it.
  var table: ByteStringTable?

  init() {}

  /// Reads a file, whose bytes must outlive the content.
  ///
  /// - Throws: `JSONError` with the byte offset.
  init(reading file: UnsafeBufferPointer<UInt8>) throws {
    guard file.count < TextSpans.longestFile else {
      throw JSONError(offset: 0, reason: "a file of \(file.count) bytes is too long")
    }
    var cursor = JSONCursor(file)
    try Self.object(&cursor) { cursor, key in
      if key == "model", cursor.next() == UInt8(ascii: "{") {
        try readModel(&cursor)
      } else {
        root.append((key, try cursor.value()))
      }
    }
    try cursor.expectEnd()
  }

  private mutating func readModel(_ cursor: inout JSONCursor) throws {
    var keys: Set<String> = []
    try Self.object(&cursor) { cursor, key in
      guard keys.insert(key).inserted else { throw cursor.error("a second \"\(key)\" of the model") }
      switch (key, cursor.next()) {
      case ("vocab", UInt8(ascii: "{")):
        hasVocabulary = true
        isScored = false
        pieces = try PieceList(readingObject: &cursor)
      case ("vocab", UInt8(ascii: "[")):
        hasVocabulary = true
        isScored = true
        pieces = try PieceList(readingScores: &cursor)
      case ("merges", UInt8(ascii: "[")): merges = try MergeList(reading: &cursor, tokensOfMerges())
      default: model.append((key, try cursor.value()))
      }
    }
  }

  /// The tokens of the merges, where all that tells them stands before the merges, as the library writes its files.
  private mutating func tokensOfMerges() -> MergeTokens? {
    guard hasVocabulary, !isScored, let prefix = model.last(where: { $0.key == "continuing_subword_prefix" }) else {
      return nil
    }
    table = Vocabulary.prepare(pieces)
    return table.map { MergeTokens(pieces: $0, prefixLength: prefix.value.stringValue?.utf8.count ?? 0) }
  }

  private static func object(
    _ cursor: inout JSONCursor, _ member: (inout JSONCursor, _ key: String) throws -> Void
  ) throws {
    try cursor.members { cursor in
      let key = try cursor.string()
      try cursor.expect(UInt8(ascii: ":"))
      try member(&cursor, key)
    }
  }
}
