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

  /// Trims the ranges of tokens, whose spelling tells their spaces.
  func apply(to spans: inout [TokenSpan], _ pieces: ByteStringTable) {
    for index in spans.indices {
      guard let piece = pieces[spans[index].id] else { continue }
      let scalars = UTF8Scalar.scalars(of: piece)
      var leading = scalars.prefix(while: Self.isSpace).count
      let trailing = scalars.reversed().prefix(while: Self.isSpace).count
      if leading > 0 {
        let isFirst = index == 0 || spans[index].start == 0
        if isFirst, addsPrefixSpace, leading == 1 { leading = 0 }
        spans[index].start = min(spans[index].start + leading, spans[index].end)
      }
      if trailing > 0, spans[index].end >= trailing {
        spans[index].end = max(spans[index].end - trailing, spans[index].start)
      }
    }
  }

  private static func isSpace(_ scalar: UInt32) -> Bool {
    scalar == 0x120 || ScalarCategory.bits(of: scalar) & ScalarCategory.whitespace != 0
  }
}
