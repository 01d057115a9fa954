import JSONReader

extension PieceList {
  /// Reads an object of pieces and ids.
  init(readingObject cursor: inout JSONCursor) throws {
    self.init(of: TextSpans(of: cursor.bytes))
    reserve(forBytes: cursor.bytes.count - cursor.position)
    try cursor.members { cursor in
      let piece = try text.string(at: &cursor)
      try cursor.expect(UInt8(ascii: ":"))
      append(piece, id: try cursor.integer())
    }
  }

  /// Reads a list of pieces with their scores, in order of id.
  init(readingScores cursor: inout JSONCursor) throws {
    self.init(of: TextSpans(of: cursor.bytes))
    reserve(forBytes: cursor.bytes.count - cursor.position)
    try cursor.elements { cursor in
      guard cursor.next() == UInt8(ascii: "[") else { throw cursor.error("expected a piece and its score") }
      var piece: TextSpans.Span?
      var score: Double?
      try cursor.elements { cursor in
        if piece == nil, cursor.next() == UInt8(ascii: "\"") {
          piece = try text.string(at: &cursor)
        } else if piece != nil, score == nil {
          score = try cursor.value().doubleValue
        } else {
          throw cursor.error("expected a piece and its score")
        }
      }
      guard let piece, let score else { throw cursor.error("expected a piece and its score") }
      append(piece, id: count)
      scores.append(score)
    }
  }
}

extension TextSpans {
  /// Passes over a string, whose first quotation mark is the next byte.
  @inline(__always)
  mutating func string(at cursor: inout JSONCursor) throws -> Span {
    guard let plain = cursor.plainString() else { return try span { try cursor.string(into: &$0) } }
    guard plain.isASCII || UTF8Validation.isValid(UnsafeBufferPointer(rebasing: cursor.bytes[plain.content])) else {
      throw cursor.notUTF8
    }
    return span(inFile: plain.content)
  }
}
