import JSONReader

extension MergeList {
  /// Reads a list of merges, each written `"a b"` or `["a", "b"]`.
  ///
  /// That they are UTF-8 is not looked at: they must equal pieces, which are.
  init(reading cursor: inout JSONCursor, of file: [UInt8]) throws {
    self.init(of: file)
    reserve(forBytes: file.count - cursor.position)
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
  }

  @inline(__always)
  private mutating func appendSpaced(_ cursor: inout JSONCursor) throws -> Bool {
    guard let (content, _) = cursor.plainString() else {
      var content: [UInt8] = []
      try cursor.string(into: &content)
      return try append(spaced: content)
    }
    guard let space = Self.onlySpace(in: content, of: cursor.bytes), space > content.lowerBound,
      space + 1 < content.upperBound
    else { return false }
    append(inFile: content.lowerBound..<space, space + 1..<content.upperBound)
    return true
  }

  /// Where the space of a range is that has one space.
  @inline(__always)
  private static func onlySpace(in range: Range<Int>, of bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    var found: Int?
    var index = range.lowerBound
    while index + 8 <= bytes.count, index < range.upperBound {
      var spaces = ByteWord(bytes, at: index).equal(to: 0x20)
      if range.upperBound - index < 8 { spaces &= 1 << UInt64(8 * (range.upperBound - index)) - 1 }
      if spaces != 0 {
        if found != nil || spaces & (spaces - 1) != 0 { return nil }
        found = index + spaces.trailingZeroBitCount / 8
      }
      index += 8
    }
    while index < range.upperBound {
      if bytes[index] == 0x20 {
        if found != nil { return nil }
        found = index
      }
      index += 1
    }
    return found
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
