/// Finds added tokens in a text, the longest at the leftmost place, in time independent of their number.
struct AddedTokenMatcher: Sendable {
  /// A part of the text: an added token, or text for the model where `token` is nil.
  struct Segment {
    let token: AddedToken?
    let range: Range<Int>
  }

  private let tokens: [AddedToken]
  private var trie = PieceTrie()

  /// A matcher for tokens, each looked for under the spelling beside it.
  init(_ tokens: [(spelling: [UInt8], token: AddedToken)]) {
    self.tokens = tokens.map(\.token)
    for (index, entry) in tokens.enumerated() {
      entry.spelling.withUnsafeBufferPointer { trie.insert($0, id: Int32(index), keepsFirst: true) }
    }
  }

  /// Whether there is nothing to find.
  var isEmpty: Bool { tokens.isEmpty }

  /// The segments of `range`.
  ///
  /// - Parameter source: the bytes of the original text that gave the byte at an offset, where they are others.
  func segments(
    of bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ controls: ControlTokens,
    source: ((Int) -> (start: Int, end: Int))? = nil
  ) -> [Segment] {
    var result: [Segment] = []
    var textStart = range.lowerBound
    var index = range.lowerBound
    while index < range.upperBound {
      guard trie.canStart(with: bytes[index]),
        let (id, matchEnd) = longestMatch(in: bytes, at: index, upTo: range.upperBound, controls, source)
      else {
        index += 1
        continue
      }
      let token = tokens[Int(id)]
      let match = index..<matchEnd
      index = matchEnd
      if token.special, case .plain = controls { continue }
      if token.singleWord, !standsAlone(match, bytes, range) { continue }
      var start = match.lowerBound
      var end = match.upperBound
      if token.stripsLeft { start = startOfSpaces(before: max(start, textStart), downTo: textStart, bytes) }
      if token.stripsRight { end = endOfSpaces(from: end, upTo: range.upperBound, bytes) }
      if textStart < start { result.append(Segment(token: nil, range: textStart..<start)) }
      result.append(Segment(token: token, range: start..<end))
      textStart = end
    }
    if textStart < range.upperBound { result.append(Segment(token: nil, range: textStart..<range.upperBound)) }
    return result
  }

  /// The longest token at an offset that is not a control token with a part in the text of a message.
  private func longestMatch(
    in bytes: UnsafeBufferPointer<UInt8>, at start: Int, upTo limit: Int, _ controls: ControlTokens,
    _ source: ((Int) -> (start: Int, end: Int))?
  ) -> (id: Int32, end: Int)? {
    guard case .plainInMessages(let messages) = controls else {
      return trie.longestPrefix(of: bytes, at: start, upTo: limit)
    }
    var limit = limit
    while let found = trie.longestPrefix(of: bytes, at: start, upTo: limit) {
      guard messages.isControl(tokens[Int(found.id)]),
        let message = (start..<found.end).first(where: { offset in
          let place = source?(offset) ?? (start: offset, end: offset + 1)
          return messages.contains(place.start..<place.end)
        })
      else { return found }
      limit = message
    }
    return nil
  }

  private func standsAlone(_ match: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    if match.lowerBound > range.lowerBound {
      let start = UTF8Scalar.start(before: match.lowerBound, in: bytes)
      if isWord(UTF8Scalar.decode(bytes, at: start).scalar) { return false }
    }
    return match.upperBound == range.upperBound || !isWord(UTF8Scalar.decode(bytes, at: match.upperBound).scalar)
  }

  private func isWord(_ scalar: UInt32) -> Bool { ScalarCategory.isWord(scalar) }

  private func startOfSpaces(before end: Int, downTo limit: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var start = end
    while start > limit {
      let previous = UTF8Scalar.start(before: start, in: bytes)
      guard ScalarClass.of(UTF8Scalar.decode(bytes, at: previous).scalar).isWhitespace else { break }
      start = previous
    }
    return start
  }

  private func endOfSpaces(from start: Int, upTo limit: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var end = start
    while end < limit {
      let (scalar, length) = UTF8Scalar.decode(bytes, at: end)
      guard ScalarClass.of(scalar).isWhitespace else { break }
      end += length
    }
    return end
  }
}
