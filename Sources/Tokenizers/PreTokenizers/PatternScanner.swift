/// Finds where the next piece of a known split pattern ends.
struct PatternScanner {
  /// Valid UTF-8; its end is the end of the text.
  let text: UnsafeBufferPointer<UInt8>
  private let classes = ScalarClassTable.basicPlane.classes

  init(text: UnsafeBufferPointer<UInt8>) { self.text = text }

  /// The end of the match of the GPT-2 pattern at `start`.
  func endOfGPT2Piece(at start: Int) -> Int {
    if text[start] == UInt8(ascii: "'"), let end = endOfContraction(at: start, ignoringCase: false) { return end }
    var first = start
    var (kind, length) = classify(first)
    if text[start] == UInt8(ascii: " "), start + 1 < text.count {
      let following = classify(start + 1)
      if !following.kind.isWhitespace {
        first = start + 1
        (kind, length) = following
      }
    }
    if kind.isWhitespace { return endOfWhitespace(at: start) }
    if kind.isOther { return endOfRun(at: first + length, of: \.isOther) }
    return endOfRun(at: first + length) { $0 == kind }
  }

  /// The end of the match of a pattern of the cl100k family at `start`.
  func endOfCL100KPiece(at start: Int, _ numberLimit: Int) -> Int {
    if text[start] == UInt8(ascii: "'"), let end = endOfContraction(at: start, ignoringCase: true) { return end }
    let (kind, length) = classify(start)
    let second = start + length
    if kind == .letter { return endOfLetters(at: second) }
    if kind == .number { return endOfNumbers(at: start, limit: numberLimit) }
    if kind != .newline, second < text.count {
      let following = classify(second)
      if following.kind == .letter { return endOfLetters(at: second + following.length) }
      if text[start] == UInt8(ascii: " "), following.kind.isOther {
        return endOfNewlines(at: endOfRun(at: second + following.length, of: \.isOther))
      }
    }
    if kind.isOther { return endOfNewlines(at: endOfRun(at: second, of: \.isOther)) }
    return endOfLineOrWhitespace(at: start)
  }

  /// The end of the match of DeepSeek's pattern at `start`, or of the text before the next match.
  func endOfDeepSeekPiece(at start: Int) -> Int {
    if let end = endOfDeepSeekWord(at: start) { return end }
    var index = start
    repeat { index += classify(index).length } while index < text.count && endOfDeepSeekWord(at: index) == nil
    return index
  }

  /// The end of the match of DeepSeek's pattern at `start`, nil where there is none.
  private func endOfDeepSeekWord(at start: Int) -> Int? {
    let (kind, length) = classify(start)
    let second = start + length
    if kind.isLetterOrMark { return endOfRun(at: second, of: \.isLetterOrMark) }
    let following = second < text.count ? classify(second) : (kind: .newline, length: 0)
    if kind == .symbol {
      if text[start] < 0x80, isASCIILetter(at: second) {
        var index = second
        while isASCIILetter(at: index) { index += 1 }
        return index
      }
      return endOfNewlines(at: endOfRun(at: second) { $0 == .symbol })
    }
    if kind != .newline, following.kind.isLetterOrMark {
      return endOfRun(at: second + following.length, of: \.isLetterOrMark)
    }
    if text[start] == UInt8(ascii: " "), following.kind == .symbol {
      return endOfNewlines(at: endOfRun(at: second + following.length) { $0 == .symbol })
    }
    return kind.isWhitespace ? endOfLineOrWhitespace(at: start) : nil
  }

  private func isASCIILetter(at index: Int) -> Bool {
    index < text.count && (text[index] | 0x20) &- UInt8(ascii: "a") < 26
  }

  /// The end of a group of numbers at `start`, or of the text before the next one.
  func endOfNumberGroup(at start: Int, _ limit: Int) -> Int {
    let end = endOfNumbers(at: start, limit: limit)
    return end > start ? end : endOfRun(at: start) { $0 != .number }
  }

  /// The end of three digits at `start`, or of the text before the next three.
  func endOfThreeDigitsPiece(at start: Int) -> Int {
    var digits = 0
    var index = start
    while index < text.count {
      digits = text[index] ^ 0x30 <= 9 ? digits + 1 : 0
      index += 1
      if digits == 3 { return index - 3 > start ? index - 3 : index }
    }
    return index
  }

  @inline(__always)
  private func classify(_ index: Int) -> (kind: ScalarClass, length: Int) {
    let lead = text[index]
    if lead < 0x80 { return (classes[Int(lead)], 1) }
    let (scalar, length) = UTF8Scalar.decode(text, at: index)
    return (scalar < 0x10000 ? classes[Int(scalar)] : ScalarClass.of(scalar), length)
  }

  @inline(__always)
  private func endOfRun(at index: Int, of isIncluded: (ScalarClass) -> Bool) -> Int {
    var index = index
    while index < text.count {
      let next = classify(index)
      guard isIncluded(next.kind) else { break }
      index += next.length
    }
    return index
  }

  private func endOfLetters(at index: Int) -> Int { endOfRun(at: index) { $0 == .letter } }

  private func endOfNumbers(at start: Int, limit: Int) -> Int {
    var index = start
    var count = 0
    while index < text.count, count < limit {
      let next = classify(index)
      guard next.kind == .number else { break }
      index += next.length
      count += 1
    }
    return index
  }

  private func endOfNewlines(at index: Int) -> Int { endOfRun(at: index) { $0 == .newline } }

  /// `\s+(?!\S)|\s+`: the run of white space, without its last scalar where a word follows.
  private func endOfWhitespace(at start: Int) -> Int {
    var index = start
    var last = start
    while index < text.count {
      let next = classify(index)
      guard next.kind.isWhitespace else { return last > start ? last : index }
      last = index
      index += next.length
    }
    return index
  }

  /// `\s*[\r\n]+|\s+(?!\S)|\s+`: up to the last line end of the run of white space, if it has one.
  private func endOfLineOrWhitespace(at start: Int) -> Int {
    var index = start
    var afterNewline = start
    while index < text.count {
      let next = classify(index)
      guard next.kind.isWhitespace else { break }
      index += next.length
      if next.kind == .newline { afterNewline = index }
    }
    return afterNewline > start ? afterNewline : endOfWhitespace(at: start)
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d` at an apostrophe; U+017F folds to `s`.
  private func endOfContraction(at start: Int, ignoringCase: Bool) -> Int? {
    func letter(_ index: Int) -> UInt8 {
      guard index < text.count else { return 0 }
      return ignoringCase && text[index] >= 0x41 && text[index] <= 0x5a ? text[index] | 0x20 : text[index]
    }
    let first = letter(start + 1)
    switch first {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"): return letter(start + 2) == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"): return letter(start + 2) == UInt8(ascii: "l") ? start + 3 : nil
    case 0xc5 where ignoringCase: return letter(start + 2) == 0xbf ? start + 3 : nil
    default: return nil
    }
  }
}
