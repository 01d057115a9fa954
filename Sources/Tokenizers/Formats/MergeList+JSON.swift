import JSONReader

extension MergeList {
  /// Reads a list of merges, each written `"a b"` or `["a", "b"]`.
  ///
  /// That they are UTF-8 is not looked at: they must equal pieces, which are.
  init(reading cursor: inout JSONCursor, _ tokens: MergeTokens?) throws {
    self.init(of: TextSpans(of: cursor.bytes), tokens)
    reserve(forBytes: cursor.bytes.count - cursor.position)
    try cursor.elements { cursor in
      let start = cursor.position
      let isMerge: Bool
      switch cursor.next() {
      case UInt8(ascii: "\""): isMerge = try appendSpaced(&cursor)
      case UInt8(ascii: "["): isMerge = try appendPair(&cursor)
      default: isMerge = false
      }
      guard isMerge else {
        cursor.position = start
        throw cursor.error("merge \(count) is neither \"a b\" nor [\"a\", \"b\"]")
      }
    }
    if let tokens { lookUp(tokens) }
  }

  @inline(__always)
  private mutating func appendSpaced(_ cursor: inout JSONCursor) throws -> Bool {
    guard let (content, space) = Self.plainMerge(at: cursor) else {
      var content: [UInt8] = []
      try cursor.string(into: &content)
      return try append(spaced: content)
    }
    cursor.position = content.upperBound + 1
    guard space > content.lowerBound, space + 1 < content.upperBound else { return false }
    append(inFile: content.lowerBound..<space, space + 1..<content.upperBound)
    return true
  }

  /// A string without escapes at the next byte, its content and the only space in it; nil where it is not that.
  @inline(__always)
  private static func plainMerge(at cursor: JSONCursor) -> (content: Range<Int>, space: Int)? {
    let bytes = cursor.bytes
    let start = cursor.position + 1
    var space: Int?
    var index = start
    while index + 8 <= bytes.count {
      let word = ByteWord(bytes, at: index)
      // Spaces and quotation marks, and what else is not as simple: control characters, backslashes, and `!`.
      var stops = word.below(0x23) | word.equal(to: UInt8(ascii: "\\"))
      while stops != 0 {
        let place = index + stops.trailingZeroBitCount / 8
        switch bytes[place] {
        case 0x20 where space == nil: space = place
        case UInt8(ascii: "\""): return space.map { (start..<place, $0) }
        case UInt8(ascii: "!"): break
        default: return nil
        }
        stops &= stops - 1
      }
      index += 8
    }
    return nil
  }

  @inline(__always)
  private mutating func appendPair(_ cursor: inout JSONCursor) throws -> Bool {
    var sides: (left: TextSpans.Span?, right: TextSpans.Span?)
    var count = 0
    try cursor.elements { cursor in
      guard cursor.next() == UInt8(ascii: "\"") else { throw cursor.error("expected a token of a merge") }
      let side = try text.string(at: &cursor)
      if count == 0 { sides.left = side } else { sides.right = side }
      count += 1
    }
    guard count == 2, let left = sides.left, let right = sides.right else { return false }
    append(left, right)
    return true
  }
}
