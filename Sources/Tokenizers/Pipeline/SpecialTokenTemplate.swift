/// The control tokens around one text, and what is done to the offsets of its tokens.
struct SpecialTokenTemplate: Sendable {
  var prefix: [Int] = []
  var suffix: [Int] = []
  var offsetTrimming: [OffsetTrimming] = []
}

/// Takes the spaces at the ends of tokens out of their ranges.
struct OffsetTrimming: Sendable {
  /// Whether the tokenizer puts a space before the text, which is not in it.
  let addsPrefixSpace: Bool

  /// Trims the ranges of tokens, whose spelling tells their spaces; each space is one character of the text.
  func apply(to spans: inout [TokenSpan], _ pieces: TokenSpellings, of text: UnsafeBufferPointer<UInt8>) {
    for index in spans.indices {
      guard let piece = pieces[spans[index].id] else { continue }
      let scalars = UTF8Scalar.scalars(of: piece)
      var leading = scalars.prefix(while: Self.isSpace).count
      let trailing = scalars.reversed().prefix(while: Self.isSpace).count
      let isFirst = index == 0 || spans[index].start == 0
      if isFirst, addsPrefixSpace, leading == 1 { leading = 0 }
      while leading > 0, spans[index].start < spans[index].end {
        spans[index].start += UTF8Scalar.length(lead: text[spans[index].start])
        leading -= 1
      }
      var end = spans[index].end
      for _ in 0..<trailing where end > spans[index].start { end = UTF8Scalar.start(before: end, in: text) }
      spans[index].end = max(end, spans[index].start)
    }
  }

  private static func isSpace(_ scalar: UInt32) -> Bool {
    scalar == 0x120 || ScalarCategory.bits(of: scalar) & ScalarCategory.whitespace != 0
  }
}
