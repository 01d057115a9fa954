extension Tokenizer {
  /// The token ids of a text.
  ///
  /// - Parameters:
  ///   - addSpecialTokens: whether the template of the file puts its control tokens around the text.
  ///   - parseSpecialTokens: whether a control token spelled in the text becomes that token; without it such
  ///     spelling is plain text, as text from strangers should be.
  public func encode(
    _ text: String, addSpecialTokens: Bool = true, parseSpecialTokens: Bool = true
  ) throws -> [Int] {
    try encodeWithOffsets(text, addSpecialTokens: addSpecialTokens, parseSpecialTokens: parseSpecialTokens).map(\.id)
  }

  /// The tokens of a text with the UTF-8 bytes each stands for.
  ///
  /// Tokens of the template have an empty range. See `encode` for the parameters.
  public func encodeWithOffsets(
    _ text: String, addSpecialTokens: Bool = true, parseSpecialTokens: Bool = true
  ) throws -> [TokenSpan] {
    var spans: [TokenSpan] = []
    let original = AlignedText(bytes: Array(text.utf8))
    let length = original.bytes.count
    if addSpecialTokens { spans.append(contentsOf: template.prefix.map { TokenSpan(id: $0, start: 0, end: 0) }) }
    var scratch = MergeScratch()
    for segment in segments(of: original, 0..<length, rawMatcher, parseSpecialTokens) {
      if let token = segment.token {
        spans.append(TokenSpan(id: token.id, start: segment.range.lowerBound, end: segment.range.upperBound))
      } else {
        encode(original, segment.range, parseSpecialTokens, &scratch, &spans)
      }
    }
    if addSpecialTokens {
      spans.append(contentsOf: template.suffix.map { TokenSpan(id: $0, start: length, end: length) })
    }
    return spans
  }

  /// Encodes text without raw added tokens.
  private func encode(
    _ original: AlignedText, _ range: Range<Int>, _ parseSpecial: Bool, _ scratch: inout MergeScratch,
    _ spans: inout [TokenSpan]
  ) {
    var text = original
    var range = range
    if let normalizer {
      text = original.slice(range)
      normalizer.apply(to: &text)
      range = 0..<text.bytes.count
    }
    for segment in segments(of: text, range, normalizedMatcher, parseSpecial) {
      if let token = segment.token {
        let source = text.source(of: segment.range)
        spans.append(TokenSpan(id: token.id, start: source.lowerBound, end: source.upperBound))
      } else if preTokenizer.changesText {
        var part = text.slice(segment.range)
        encodeWords(of: &part, 0..<part.bytes.count, &scratch, &spans)
      } else {
        encodeWords(of: &text, segment.range, &scratch, &spans)
      }
    }
  }

  private func encodeWords(
    of text: inout AlignedText, _ range: Range<Int>, _ scratch: inout MergeScratch, _ spans: inout [TokenSpan]
  ) {
    var words = [range]
    preTokenizer.split(&text, &words)
    let first = spans.count
    text.bytes.withUnsafeBufferPointer { bytes in
      for word in words {
        model.encode(
          UnsafeBufferPointer(rebasing: bytes[word]), offset: word.lowerBound, scratch: &scratch, into: &spans)
      }
    }
    for index in first..<spans.count {
      let source = text.source(of: spans[index].start..<spans[index].end)
      spans[index].start = source.lowerBound
      spans[index].end = source.upperBound
    }
  }

  private func segments(
    of text: AlignedText, _ range: Range<Int>, _ matcher: AddedTokenMatcher, _ special: Bool
  ) -> [AddedTokenMatcher.Segment] {
    if range.isEmpty { return [] }
    if matcher.isEmpty { return [AddedTokenMatcher.Segment(token: nil, range: range)] }
    return text.bytes.withUnsafeBufferPointer { matcher.segments(of: $0, range, special: special) }
  }
}
