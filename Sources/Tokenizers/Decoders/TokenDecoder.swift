/// How tokens become text again: steps that each rewrite the list of tokens, whose texts are joined at the end.
struct TokenDecoder: Sendable {
  /// One step.
  enum Step: Sendable {
    /// Tokens are bytes in the alphabet of GPT-2, those that are not stand for themselves; all become one text.
    case byteLevel
    case replace([UInt8], with: [UInt8])
    case replacePattern(RegularExpressionPattern, with: [UInt8])
    /// `<0xNN>` tokens are bytes; a run of them that is not valid UTF-8 gives one U+FFFD for each.
    case byteFallback
    /// All tokens become one text.
    case fuse
    /// Drops up to so many of a scalar (its UTF-8) at the ends of each token.
    case strip([UInt8], start: Int, stop: Int)
    /// Marks become spaces, but nothing in the first token, unless none was put in front.
    case metaspace([UInt8], dropsFirst: Bool)
    /// Tokens with the prefix go on with a word, others begin one; `cleansUp` takes back spaces before punctuation.
    case wordPiece(prefix: [UInt8], cleansUp: Bool)
    /// The suffix ends a word.
    case wordEnd(suffix: [UInt8])
    /// Repeated tokens are one, and padding is nothing.
    case temporalClassification(padding: [UInt8], delimiter: [UInt8], cleansUp: Bool)
  }

  /// The steps; nil joins the tokens with spaces, as for files without a decoder.
  let steps: [Step]?

  /// Tokens joined with spaces.
  static let joinedWithSpaces = TokenDecoder(steps: nil)

  /// The bytes of the text of tokens, each given by its spelling.
  func decode(_ pieces: [[UInt8]]) throws -> [UInt8] {
    guard let steps else { return Array(pieces.joined(separator: [0x20])) }
    let limit = GrowthLimit(of: pieces.reduce(0) { $0 + $1.count })
    let tokens = try steps.reduce(pieces) { tokens, step in
      let result = try step.apply(to: tokens)
      try limit.check(result.reduce(0) { $0 + $1.count })
      return result
    }
    return Array(tokens.joined())
  }
}

extension TokenDecoder.Step {
  /// Rewrites a list of tokens.
  func apply(to tokens: [[UInt8]]) throws -> [[UInt8]] {
    switch self {
    case .byteLevel:
      let bytes = tokens.flatMap { token in
        token.withUnsafeBufferPointer { ByteLevelAlphabet.decode($0) } ?? token
      }
      return [Array(String(decoding: bytes, as: UTF8.self).utf8)]
    case .replace(let pattern, let content):
      return try tokens.map { token in
        try GrowthLimit(of: token.count).check(token.count / Swift.max(1, pattern.count), times: content.count)
        return token.replacing(pattern, with: content)
      }
    case .replacePattern(let pattern, let content):
      return try tokens.map { token in
        let matches = try token.withUnsafeBufferPointer { try pattern.matches($0, 0..<$0.count) }
        try GrowthLimit(of: token.count).check(matches.count, times: content.count)
        return token.replacing(matches, with: content)
      }
    case .byteFallback: return Self.joiningBytes(tokens)
    case .fuse: return [Array(tokens.joined())]
    case .strip(let content, let start, let stop):
      return tokens.map { Self.stripped($0, of: content, start: start, stop: stop) }
    case .metaspace(let mark, let dropsFirst):
      return tokens.enumerated().map { $1.replacing(mark, with: $0 == 0 && dropsFirst ? [] : [0x20]) }
    case .wordPiece(let prefix, let cleansUp):
      return tokens.enumerated().map { Self.wordPiece($1, isFirst: $0 == 0, prefix, cleansUp) }
    case .wordEnd(let suffix):
      return tokens.enumerated().map { $1.replacing(suffix, with: $0 == tokens.count - 1 ? [] : [0x20]) }
    case .temporalClassification(let padding, let delimiter, let cleansUp):
      return zip(tokens, [nil] + tokens.map(Optional.some)).compactMap { token, previous in
        token == previous ? nil : Self.classified(token, padding, delimiter, cleansUp)
      }
    }
  }

  /// A byte token's byte.
  static func byte(of token: [UInt8]) -> UInt8? {
    guard token.count == 6, token[0] == 0x3c, token[1] == 0x30, token[2] == 0x78, token[5] == 0x3e else { return nil }
    func digit(_ byte: UInt8) -> UInt8? { UInt8(String(UnicodeScalar(byte)), radix: 16) }
    guard let high = digit(token[3]), let low = digit(token[4]) else { return nil }
    return high << 4 | low
  }

  /// The replacement character, for each of `count` bytes.
  static func replacements(_ count: Int) -> [UInt8] {
    Array(repeatElement([0xef, 0xbf, 0xbd], count: count).joined())
  }

  private static func joiningBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var run: [UInt8] = []
    func endRun() {
      guard !run.isEmpty else { return }
      result.append(String(validating: run, as: UTF8.self) != nil ? run : replacements(run.count))
      run.removeAll()
    }
    for token in tokens {
      if let byte = byte(of: token) {
        run.append(byte)
      } else {
        endRun()
        result.append(token)
      }
    }
    endRun()
    return result
  }

  /// A token without the scalars at its ends.
  static func stripped(_ token: [UInt8], of content: [UInt8], start: Int, stop: Int) -> [UInt8] {
    guard !content.isEmpty else { return token }
    var slice = token[...]
    var dropped = 0
    while dropped < start, slice.starts(with: content) {
      slice = slice.dropFirst(content.count)
      dropped += 1
    }
    dropped = 0
    while dropped < stop, slice.count >= content.count, slice.suffix(content.count).elementsEqual(content) {
      slice = slice.dropLast(content.count)
      dropped += 1
    }
    return Array(slice)
  }

  /// A token of WordPiece as text.
  static func wordPiece(_ token: [UInt8], isFirst: Bool, _ prefix: [UInt8], _ cleansUp: Bool) -> [UInt8] {
    var text = token
    if !isFirst {
      if token.starts(with: prefix) { text.removeFirst(prefix.count) } else { text.insert(0x20, at: 0) }
    }
    return cleansUp ? cleanedUp(text) : text
  }

  /// A token of temporal classification as text, nil where nothing is left.
  static func classified(
    _ token: [UInt8], _ padding: [UInt8], _ delimiter: [UInt8], _ cleansUp: Bool
  ) -> [UInt8]? {
    var text = token.replacing(padding, with: [])
    if cleansUp { text = cleanedUp(text).replacing(delimiter, with: [0x20]) }
    return text.isEmpty ? nil : text
  }

  private static let cleanUps: [(pattern: [UInt8], content: [UInt8])] = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
    (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

  private static func cleanedUp(_ text: [UInt8]) -> [UInt8] {
    cleanUps.reduce(text) { $0.replacing($1.pattern, with: $1.content) }
  }
}

extension [UInt8] {
  /// The bytes with each occurrence of a pattern replaced.
  func replacing(_ pattern: [UInt8], with content: [UInt8]) -> [UInt8] {
    guard let first = pattern.first, count >= pattern.count, contains(first) else { return self }
    var result: [UInt8] = []
    result.reserveCapacity(count)
    var index = 0
    while index < count {
      if self[index] == first, self[index...].starts(with: pattern) {
        result.append(contentsOf: content)
        index += pattern.count
      } else {
        result.append(self[index])
        index += 1
      }
    }
    return result
  }

  /// The bytes with ranges (ordered, disjoint) replaced.
  func replacing(_ ranges: [Range<Int>], with content: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var start = 0
    for range in ranges {
      result += self[start..<range.lowerBound] + content
      start = range.upperBound
    }
    return result + self[start...]
  }
}
