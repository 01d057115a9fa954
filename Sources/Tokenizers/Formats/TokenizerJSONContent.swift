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

  init() {}

  /// Reads a file.
  ///
  /// - Throws: `JSONError` with the byte offset.
  init(reading file: [UInt8]) throws {
    guard file.count < TextSpans.longestFile else {
      throw JSONError(offset: 0, reason: "a file of \(file.count) bytes is too long")
    }
    try file.withUnsafeBufferPointer { bytes in
      var cursor = JSONCursor(bytes)
      try Self.object(&cursor) { cursor, key in
        if key == "model", cursor.next() == UInt8(ascii: "{") {
          try readModel(&cursor, file)
        } else {
          root.append((key, try cursor.value()))
        }
      }
      try cursor.expectEnd()
    }
  }

  private mutating func readModel(_ cursor: inout JSONCursor, _ file: [UInt8]) throws {
    try Self.object(&cursor) { cursor, key in
      switch (key, cursor.next()) {
      case ("vocab", UInt8(ascii: "{")):
        hasVocabulary = true
        isScored = false
        pieces = try PieceList(readingObject: &cursor, of: file)
      case ("vocab", UInt8(ascii: "[")):
        hasVocabulary = true
        isScored = true
        pieces = try PieceList(readingScores: &cursor, of: file)
      case ("merges", UInt8(ascii: "[")): merges = try MergeList(reading: &cursor, of: file)
      default: model.append((key, try cursor.value()))
      }
    }
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
