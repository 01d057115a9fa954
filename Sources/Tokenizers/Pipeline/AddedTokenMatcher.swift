/// Finds added tokens in a text, the longest at the leftmost place, in time independent of their number.
struct AddedTokenMatcher: Sendable {
  /// A part of the text: an added token, or text for the model where `token` is nil.
  struct Segment {
    let token: AddedToken?
    let range: Range<Int>
  }

  private let tokens: [AddedToken]
  private var roots = [Int32](repeating: -1, count: 256)
  private var nodes: [Node] = []

  private struct Node {
    let byte: UInt8
    var child: Int32 = -1
    var sibling: Int32 = -1
    var token: Int32 = -1
  }

  /// A matcher for tokens, each looked for under the spelling beside it.
  init(_ tokens: [(spelling: [UInt8], token: AddedToken)]) {
    self.tokens = tokens.map(\.token)
    for (index, entry) in tokens.enumerated() { insert(entry.spelling, Int32(index)) }
  }

  /// Whether there is nothing to find.
  var isEmpty: Bool { tokens.isEmpty }

  /// The segments of `range`; without `special`, control tokens are plain text.
  func segments(of bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, special: Bool) -> [Segment] {
    var result: [Segment] = []
    var textStart = range.lowerBound
    var index = range.lowerBound
    while index < range.upperBound {
      guard let (token, matchEnd) = longestMatch(bytes, index..<range.upperBound) else {
        index += 1
        continue
      }
      let match = index..<matchEnd
      index = matchEnd
      if token.special, !special { continue }
      if token.singleWord, !standsAlone(match, bytes, range) { continue }
      var start = match.lowerBound
      var end = match.upperBound
      if token.stripsLeft { start = startOfSpaces(before: start, downTo: textStart, bytes) }
      if token.stripsRight { end = endOfSpaces(from: end, upTo: range.upperBound, bytes) }
      if textStart < start { result.append(Segment(token: nil, range: textStart..<start)) }
      result.append(Segment(token: token, range: start..<end))
      textStart = end
      index = end
    }
    if textStart < range.upperBound { result.append(Segment(token: nil, range: textStart..<range.upperBound)) }
    return result
  }

  private mutating func insert(_ spelling: [UInt8], _ token: Int32) {
    guard let first = spelling.first else { return }
    var node = roots[Int(first)]
    if node < 0 {
      node = append(first)
      roots[Int(first)] = node
    }
    for byte in spelling.dropFirst() {
      var child = nodes[Int(node)].child
      while child >= 0, nodes[Int(child)].byte != byte { child = nodes[Int(child)].sibling }
      if child < 0 {
        child = append(byte)
        nodes[Int(child)].sibling = nodes[Int(node)].child
        nodes[Int(node)].child = child
      }
      node = child
    }
    if nodes[Int(node)].token < 0 { nodes[Int(node)].token = token }
  }

  private mutating func append(_ byte: UInt8) -> Int32 {
    nodes.append(Node(byte: byte))
    return Int32(nodes.count - 1)
  }

  private func longestMatch(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
  ) -> (token: AddedToken, end: Int)? {
    var node = roots[Int(bytes[range.lowerBound])]
    var index = range.lowerBound
    var found: (token: Int32, end: Int)?
    while node >= 0 {
      index += 1
      let current = nodes[Int(node)]
      if current.token >= 0 { found = (current.token, index) }
      guard index < range.upperBound else { break }
      node = current.child
      while node >= 0, nodes[Int(node)].byte != bytes[index] { node = nodes[Int(node)].sibling }
    }
    return found.map { (tokens[Int($0.token)], $0.end) }
  }

  private func standsAlone(_ match: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    if match.lowerBound > range.lowerBound {
      let start = UTF8Scalar.start(before: match.lowerBound, in: bytes)
      if isWord(UTF8Scalar.decode(bytes, at: start).scalar) { return false }
    }
    return match.upperBound == range.upperBound || !isWord(UTF8Scalar.decode(bytes, at: match.upperBound).scalar)
  }

  /// `\w` of Unicode Technical Standard 18, annex C.
  private func isWord(_ value: UInt32) -> Bool {
    guard let properties = Unicode.Scalar(value)?.properties else { return false }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return properties.isAlphabetic || properties.isJoinControl
    }
  }

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
