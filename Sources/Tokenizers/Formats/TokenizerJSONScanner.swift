import JSONReader

/// Reads the bytes of a `tokenizer.json`: the long lists of the model straight into flat lists, the rest as values.
struct TokenizerJSONScanner {
  /// What a file has.
  struct Content {
    /// The file without `model.vocab` and `model.merges`.
    var root: [(key: String, value: JSONValue)] = []
    var model: [(key: String, value: JSONValue)] = []
    var pieces = PieceList()
    /// Whether `model.vocab` is there.
    var hasVocabulary = false
    /// Whether `model.vocab` is a list, as for Unigram.
    var isScored = false
    var merges: MergeList?
  }

  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  /// Reads a file.
  ///
  /// - Throws: `JSONError` with the byte offset.
  static func read(_ bytes: [UInt8]) throws -> Content {
    try bytes.withUnsafeBufferPointer { buffer in
      var scanner = TokenizerJSONScanner(bytes: buffer)
      if buffer.starts(with: [0xef, 0xbb, 0xbf]) { scanner.position = 3 }
      var content = Content()
      try scanner.object { scanner, key in
        if key == "model", scanner.next() == UInt8(ascii: "{") {
          try scanner.model(into: &content)
        } else {
          content.root.append((key, try scanner.value()))
        }
      }
      scanner.skipSpace()
      guard scanner.position == buffer.count else { throw scanner.error("text after the end of the document") }
      return content
    }
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private mutating func model(into content: inout Content) throws {
    try object { scanner, key in
      switch (key, scanner.next()) {
      case ("vocab", UInt8(ascii: "{")):
        content.hasVocabulary = true
        content.isScored = false
        content.pieces = try scanner.vocabularyObject()
      case ("vocab", UInt8(ascii: "[")):
        content.hasVocabulary = true
        content.isScored = true
        content.pieces = try scanner.vocabularyArray()
      case ("merges", UInt8(ascii: "[")): content.merges = try scanner.mergeArray()
      default: content.model.append((key, try scanner.value()))
      }
    }
  }

  private mutating func vocabularyObject() throws -> PieceList {
    var list = PieceList()
    try members { scanner in
      try list.withStorage { try scanner.string(into: &$0) }
      try scanner.expect(UInt8(ascii: ":"))
      list.close(id: try scanner.integer())
    }
    return list
  }

  private mutating func vocabularyArray() throws -> PieceList {
    var list = PieceList()
    try elements { scanner in
      guard scanner.next() == UInt8(ascii: "[") else { throw scanner.error("expected a piece and its score") }
      var parts = 0
      var score = 0.0
      try scanner.elements { scanner in
        if parts == 0 {
          guard scanner.next() == UInt8(ascii: "\"") else { throw scanner.error("expected a piece") }
          try list.withStorage { try scanner.string(into: &$0) }
        } else {
          guard let number = try scanner.value().doubleValue else { throw scanner.error("expected a score") }
          score = number
        }
        parts += 1
      }
      guard parts == 2 else { throw scanner.error("expected a piece and its score") }
      list.close(id: list.count)
      list.scores.append(score)
    }
    return list
  }

  private mutating func mergeArray() throws -> MergeList {
    var list = MergeList()
    try elements { scanner in
      if scanner.plainMerge(into: &list) { return }
      let start = scanner.position
      let isPair = scanner.next() == UInt8(ascii: "[")
      let isMerge = try list.append { storage in
        if isPair {
          var middle: Int?
          var parts = 0
          try scanner.elements { scanner in
            guard scanner.next() == UInt8(ascii: "\"") else { throw scanner.error("expected a token of a merge") }
            try scanner.string(into: &storage)
            parts += 1
            if parts == 1 { middle = storage.count }
          }
          return parts == 2 ? middle : nil
        }
        guard scanner.next() == UInt8(ascii: "\"") else { return nil }
        let begin = storage.count
        try scanner.string(into: &storage)
        guard let space = storage[begin...].firstIndex(of: 0x20), space > begin, space + 1 < storage.count else {
          return nil
        }
        storage.remove(at: space)
        return storage[space...].contains(0x20) ? nil : space
      }
      guard isMerge else {
        scanner.position = start
        throw scanner.error("merge \(list.count) is neither \"a b\" nor [\"a\", \"b\"]")
      }
    }
    return list
  }

  /// Takes a merge written `"a b"` in ASCII or not, but without escapes; false, and nothing, where it is another.
  private mutating func plainMerge(into list: inout MergeList) -> Bool {
    guard next() == UInt8(ascii: "\"") else { return false }
    let start = position + 1
    var end = start
    var space = -1
    var isASCII = true
    while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
      let byte = bytes[end]
      if byte == UInt8(ascii: "\\") || byte < 0x20 { return false }
      if byte == 0x20 {
        if space >= 0 { return false }
        space = end
      }
      if byte >= 0x80 { isASCII = false }
      end += 1
    }
    guard end < bytes.count, space > start, space + 1 < end else { return false }
    if !isASCII, !UTF8Scalar.isValid(UnsafeBufferPointer(rebasing: bytes[start..<end])) { return false }
    list.append(
      UnsafeBufferPointer(rebasing: bytes[start..<space]), UnsafeBufferPointer(rebasing: bytes[space + 1..<end]))
    position = end + 1
    return true
  }

  // MARK: The syntax of JSON

  private func error(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0a, 0x0d: position += 1
      default: return
      }
    }
  }

  /// The next byte that is no space, zero at the end.
  private mutating func next() -> UInt8 {
    skipSpace()
    return position < bytes.count ? bytes[position] : 0
  }

  private mutating func expect(_ byte: UInt8) throws {
    guard next() == byte else { throw error("expected '\(Unicode.Scalar(byte))'") }
    position += 1
  }

  private mutating func object(_ member: (inout Self, String) throws -> Void) throws {
    try members { scanner in
      var key: [UInt8] = []
      try scanner.string(into: &key)
      try scanner.expect(UInt8(ascii: ":"))
      try member(&scanner, String(decoding: key, as: UTF8.self))
    }
  }

  private mutating func members(_ member: (inout Self) throws -> Void) throws {
    try expect(UInt8(ascii: "{"))
    try list(upTo: UInt8(ascii: "}")) { scanner in
      guard scanner.next() == UInt8(ascii: "\"") else { throw scanner.error("expected a key in quotes") }
      try member(&scanner)
    }
  }

  private mutating func elements(_ element: (inout Self) throws -> Void) throws {
    try expect(UInt8(ascii: "["))
    try list(upTo: UInt8(ascii: "]"), element)
  }

  private mutating func list(upTo end: UInt8, _ item: (inout Self) throws -> Void) throws {
    if next() == end {
      position += 1
      return
    }
    while true {
      skipSpace()
      try item(&self)
      let byte = next()
      position += 1
      if byte == end { return }
      guard byte == UInt8(ascii: ",") else {
        position -= 1
        throw error("expected ',' or '\(Unicode.Scalar(end))'")
      }
    }
  }

  /// Any value; its extent is found first, its syntax checked by the parser.
  private mutating func value() throws -> JSONValue {
    skipSpace()
    let start = position
    var depth = 0
    scan: while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
          position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { break scan }
        depth -= 1
      case UInt8(ascii: ",") where depth == 0: break scan
      default: break
      }
      position += 1
    }
    position = min(position, bytes.count)
    return try parsed(start..<position)
  }

  private func parsed(_ range: Range<Int>) throws -> JSONValue {
    do {
      return try JSONValue.parse(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[range])))
    } catch let error as JSONError {
      throw JSONError(offset: range.lowerBound + error.offset, reason: error.reason)
    }
  }

  private mutating func integer() throws -> Int {
    skipSpace()
    var end = position
    var value = 0
    while end < bytes.count, end - position < 15, bytes[end] >= 0x30, bytes[end] <= 0x39 {
      value = value * 10 + Int(bytes[end] - 0x30)
      end += 1
    }
    let isPlain = end > position && end < bytes.count && (bytes[end] == UInt8(ascii: ",") || bytes[end] <= 0x20)
    if isPlain || (end > position && end < bytes.count && bytes[end] == UInt8(ascii: "}")) {
      position = end
      return value
    }
    guard let integer = try self.value().intValue else { throw error("the id of a token is not an integer") }
    return integer
  }

  /// Appends the content of a string, whose first quotation mark is the next byte.
  private mutating func string(into content: inout [UInt8]) throws {
    let start = position + 1
    var end = start
    var isASCII = true
    while end < bytes.count {
      let byte = bytes[end]
      if byte == UInt8(ascii: "\"") {
        let slice = UnsafeBufferPointer(rebasing: bytes[start..<end])
        if !isASCII, !UTF8Scalar.isValid(slice) { throw error("a string that is not UTF-8") }
        content.append(contentsOf: slice)
        position = end + 1
        return
      }
      if byte == UInt8(ascii: "\\") || byte < 0x20 { break }
      if byte >= 0x80 { isASCII = false }
      end += 1
    }
    // Escapes are rare: the parser reads them.
    while end < bytes.count, bytes[end] != UInt8(ascii: "\"") { end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1 }
    end = min(end + 1, bytes.count)
    guard let text = try parsed(position..<end).stringValue else { throw error("expected a string") }
    position = end
    content.append(contentsOf: text.utf8)
  }
}
