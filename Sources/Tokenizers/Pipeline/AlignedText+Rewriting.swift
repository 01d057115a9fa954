extension AlignedText {
  /// Puts bytes in the place of each scalar for which `transform` gives some.
  mutating func rewriteScalars(_ transform: (UInt32) -> [UInt8]?) {
    var rewriter: TextRewriter?
    var index = 0
    while index < bytes.count {
      let (scalar, length) = bytes.withUnsafeBufferPointer { UTF8Scalar.decode($0, at: index) }
      if let replacement = transform(scalar) {
        var active = rewriter ?? TextRewriter(self)
        active.keep(upTo: index)
        active.replace(upTo: index + length, with: replacement)
        rewriter = active
      }
      index += length
    }
    guard var rewriter else { return }
    rewriter.keep(upTo: bytes.count)
    self = rewriter.finish()
  }

  /// Puts bytes in the place of each occurrence of a pattern.
  mutating func replace(_ pattern: [UInt8], with content: [UInt8]) {
    guard let first = pattern.first, pattern.count <= bytes.count else { return }
    if !isTracked, pattern.count == 1 {
      replaceByte(first, with: content)
      return
    }
    replace(bytes.withUnsafeBufferPointer { Literal.occurrences(of: pattern, $0, 0..<$0.count) }, with: content)
  }

  /// Puts bytes in the place of each range (ordered, disjoint); they come from the last character of the range.
  mutating func replace(_ matches: [Range<Int>], with content: [UInt8]) {
    guard !matches.isEmpty else { return }
    var rewriter = TextRewriter(self)
    for match in matches {
      rewriter.keep(upTo: match.lowerBound)
      rewriter.replaceByLast(upTo: match.upperBound, with: content)
    }
    rewriter.keep(upTo: bytes.count)
    self = rewriter.finish()
  }

  private mutating func replaceByte(_ byte: UInt8, with content: [UInt8]) {
    let old = bytes
    let count = old.withUnsafeBufferPointer { old in old.reduce(0) { $0 + ($1 == byte ? 1 : 0) } }
    guard count > 0 else { return }
    bytes = Array(unsafeUninitializedCapacity: old.count + count * (content.count - 1)) { buffer, initialized in
      var end = 0
      for other in old {
        if other == byte {
          for new in content {
            buffer[end] = new
            end += 1
          }
        } else {
          buffer[end] = other
          end += 1
        }
      }
      initialized = end
    }
  }

  /// Drops white space at the ends.
  mutating func strip(left: Bool, right: Bool) {
    let scalars = UTF8Scalar.scalars(of: bytes)
    func isSpace(_ scalar: UInt32) -> Bool { ScalarCategory.bits(of: scalar) & ScalarCategory.whitespace != 0 }
    func width(_ scalar: UInt32) -> Int { scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4 }
    let start = left ? scalars.prefix(while: isSpace).reduce(0) { $0 + width($1) } : 0
    let trailing = right ? scalars.reversed().prefix(while: isSpace).reduce(0) { $0 + width($1) } : 0
    let end = max(start, bytes.count - trailing)
    guard start > 0 || end < bytes.count else { return }
    var rewriter = TextRewriter(self)
    rewriter.skip(to: start)
    rewriter.keep(upTo: end)
    self = rewriter.finish()
  }

  /// Writes each byte as its scalar of the alphabet of GPT-2.
  mutating func writeInByteAlphabet() {
    var rewriter = TextRewriter(self)
    for (index, byte) in bytes.enumerated() {
      rewriter.replace(upTo: index + 1, with: ByteLevelAlphabet.spellings[Int(byte)])
    }
    self = rewriter.finish()
  }
}
