extension Tokenizer {
  /// The token ids of a text.
  ///
  /// - Parameters:
  ///   - addSpecialTokens: whether the template of the file puts its control tokens around the text.
  ///   - parseSpecialTokens: whether a control token spelled in the text becomes that token; without it such
  ///     spelling is plain text, as text from strangers should be.
  /// - Throws: `TokenizerError` (`cannotEncode`) where the vocabulary has neither a token for a part of the text nor an
  ///   unknown token.
  public func encode(
    _ text: String, addSpecialTokens: Bool = true, parseSpecialTokens: Bool = true
  ) throws -> [Int] {
    var sink = IDSink()
    sink.ids.reserveCapacity(text.utf8.count / 4 + template.prefix.count + template.suffix.count + 1)
    if addSpecialTokens { sink.ids.append(contentsOf: template.prefix) }
    try run(text, parseSpecialTokens ? .parsed : .plain, into: &sink)
    if addSpecialTokens { sink.ids.append(contentsOf: template.suffix) }
    return sink.ids
  }

  /// The tokens of a text with the UTF-8 bytes each stands for.
  ///
  /// The ranges are those of whole characters, as in the `tokenizers` library: tokens that share a character have the
  /// same range. Tokens of the template have the range 0..<0. See `encode` for the parameters.
  public func encodeWithOffsets(
    _ text: String, addSpecialTokens: Bool = true, parseSpecialTokens: Bool = true
  ) throws -> [TokenSpan] {
    var sink = SpanSink()
    try run(text, parseSpecialTokens ? .parsed : .plain, into: &sink)
    if !template.offsetTrimming.isEmpty {
      Array(text.utf8).withUnsafeBufferPointer { bytes in
        for trimming in template.offsetTrimming { trimming.apply(to: &sink.spans, pieces, of: bytes) }
      }
    }
    guard addSpecialTokens else { return sink.spans }
    func controls(_ ids: [Int]) -> [TokenSpan] { ids.map { TokenSpan(id: $0, start: 0, end: 0) } }
    return controls(template.prefix) + sink.spans + controls(template.suffix)
  }

  func run<Sink: TokenSink>(_ text: String, _ controls: ControlTokens, into sink: inout Sink) throws {
    var text = text
    try scratchPool.with { scratch in
      try text.withUTF8 { bytes in
        let whole = 0..<bytes.count
        if rawMatcher.isEmpty { return try encodeText(bytes, whole, controls, scratch, &sink) }
        for segment in rawMatcher.segments(of: bytes, whole, controls) {
          if let token = segment.token {
            sink.append(token, segment.range, of: bytes)
          } else {
            try encodeText(bytes, segment.range, controls, scratch, &sink)
          }
        }
      }
    }
  }

  /// Encodes text without raw added tokens.
  private func encodeText<Sink: TokenSink>(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ controls: ControlTokens, _ scratch: EncodingScratch,
    _ sink: inout Sink
  ) throws {
    if range.isEmpty { return }
    guard normalizer == nil, !preTokenizer.changesText else {
      return try encodeRewritten(bytes, range, controls, scratch, &sink)
    }
    if normalizedMatcher.isEmpty { return try encodeWords(bytes, range, scratch, &sink) }
    for segment in normalizedMatcher.segments(of: bytes, range, controls) {
      if let token = segment.token {
        sink.append(token, segment.range, of: bytes)
      } else {
        try encodeWords(bytes, segment.range, scratch, &sink)
      }
    }
  }

  /// Encodes text that the model takes as it is.
  private func encodeWords<Sink: TokenSink>(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ scratch: EncodingScratch, _ sink: inout Sink
  ) throws {
    if let pattern = preTokenizer.soleKnownPattern {
      let scanner = PatternScanner(text: UnsafeBufferPointer(rebasing: bytes[..<range.upperBound]))
      var start = range.lowerBound
      while start < range.upperBound {
        let end = pattern.end(of: scanner, at: start)
        try encodeWord(ByteSlice(bytes, start, end - start), scratch) { token in
          sink.append(token.id, start + Int(token.start)..<start + Int(token.end), of: bytes)
        }
        start = end
      }
      return
    }
    var words = [range]
    try preTokenizer.split(bytes, &words)
    for word in words {
      try encodeWord(ByteSlice(bytes, word.lowerBound, word.count), scratch) { token in
        let start = word.lowerBound
        sink.append(token.id, start + Int(token.start)..<start + Int(token.end), of: bytes)
      }
    }
  }

  private func encodeRewritten<Sink: TokenSink>(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ controls: ControlTokens, _ scratch: EncodingScratch,
    _ sink: inout Sink
  ) throws {
    let isTracked =
      Sink.wantsOffsets || (preTokenizer.needsSources && (normalizer != nil || preTokenizer.steps.count > 1))
    var text = AlignedText(bytes: Array(bytes[range]), sources: nil, base: range.lowerBound, isTracked: isTracked)
    try normalizer?.apply(to: &text)
    if text.bytes.isEmpty { return }
    guard !normalizedMatcher.isEmpty else { return try encodeWords(of: &text, scratch, &sink) }
    let segments = text.bytes.withUnsafeBufferPointer { [text] in
      normalizedMatcher.segments(of: $0, 0..<$0.count, controls) { text.source(of: $0..<$0 + 1) }
    }
    if segments.count == 1, segments[0].token == nil { return try encodeWords(of: &text, scratch, &sink) }
    for segment in segments {
      if let token = segment.token {
        sink.append(token, segment.range, of: text)
      } else {
        var part = text.slice(segment.range)
        try encodeWords(of: &part, scratch, &sink)
      }
    }
  }

  private func encodeWords<Sink: TokenSink>(
    of text: inout AlignedText, _ scratch: EncodingScratch, _ sink: inout Sink
  ) throws {
    var words = [0..<text.bytes.count]
    try preTokenizer.split(&text, &words)
    try text.bytes.withUnsafeBufferPointer { bytes in
      for word in words {
        try encodeWord(ByteSlice(bytes, word.lowerBound, word.count), scratch) { token in
          let start = word.lowerBound
          sink.append(token.id, start + Int(token.start)..<start + Int(token.end), of: text)
        }
      }
    }
  }

  /// Encodes a word, or each of the parts that no merge can join.
  @inline(__always)
  private func encodeWord(_ word: ByteSlice, _ scratch: EncodingScratch, _ body: (WordToken) -> Void) throws {
    if word.count == 0 { return }
    guard let cuts, word.count > WordCache.longestWord / 4 else { return try encodePart(word, 0, scratch, body) }
    let bytes = word.bytes
    var start = 0
    while start < word.count {
      let end = cuts.end(ofPartAt: start, in: bytes)
      try encodePart(word.part(start..<end), start, scratch, body)
      start = end
    }
  }

  @inline(__always)
  private func encodePart(
    _ word: ByteSlice, _ offset: Int, _ scratch: EncodingScratch, _ body: (WordToken) -> Void
  ) throws {
    func shifted(_ token: WordToken) -> WordToken {
      WordToken(token.id, Int(token.start) + offset, Int(token.end) + offset)
    }
    let isShort = word.count <= WordCache.longestWord
    if isShort, scratch.cache.forEachToken(of: word, { body(shifted($0)) }) { return }
    scratch.tokens.removeAll(keepingCapacity: true)
    try model.encode(word.bytes, scratch: &scratch.model, into: &scratch.tokens)
    if isShort { scratch.cache.insert(word, scratch.tokens[...]) }
    for token in scratch.tokens { body(shifted(token)) }
  }
}
