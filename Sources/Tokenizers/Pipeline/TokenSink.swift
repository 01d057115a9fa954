/// Where the tokens of a text go.
protocol TokenSink {
  /// Whether the offsets of the tokens are wanted.
  static var wantsOffsets: Bool { get }

  /// Takes a token of text that lies in the original text as it is.
  mutating func append(_ id: Int32, _ range: Range<Int>, of original: UnsafeBufferPointer<UInt8>)

  /// Takes a token of text that was rewritten.
  mutating func append(_ id: Int32, _ range: Range<Int>, of text: borrowing AlignedText)

  /// Takes an added token of text that lies in the original text as it is.
  mutating func append(_ token: AddedToken, _ range: Range<Int>, of original: UnsafeBufferPointer<UInt8>)

  /// Takes an added token of text that was rewritten.
  mutating func append(_ token: AddedToken, _ range: Range<Int>, of text: borrowing AlignedText)
}

extension TokenSink {
  /// Takes an added token of text that lies in the original text as it is.
  @inline(__always)
  mutating func append(_ token: AddedToken, _ range: Range<Int>, of original: UnsafeBufferPointer<UInt8>) {
    append(Int32(token.id), range, of: original)
  }

  /// Takes an added token of text that was rewritten.
  @inline(__always)
  mutating func append(_ token: AddedToken, _ range: Range<Int>, of text: borrowing AlignedText) {
    append(Int32(token.id), range, of: text)
  }
}

/// Keeps the ids.
struct IDSink: TokenSink {
  static let wantsOffsets = false
  var ids: [Int] = []

  @inline(__always)
  mutating func append(_ id: Int32, _ range: Range<Int>, of original: UnsafeBufferPointer<UInt8>) {
    ids.append(Int(id))
  }

  @inline(__always)
  mutating func append(_ id: Int32, _ range: Range<Int>, of text: borrowing AlignedText) { ids.append(Int(id)) }
}

/// Keeps the ids with the whole characters that each token touches.
struct SpanSink: TokenSink {
  static let wantsOffsets = true
  var spans: [TokenSpan] = []

  mutating func append(_ id: Int32, _ range: Range<Int>, of original: UnsafeBufferPointer<UInt8>) {
    var start = range.lowerBound
    var end = range.upperBound
    while start > 0, start < original.count, original[start] & 0xc0 == 0x80 { start -= 1 }
    while end < original.count, original[end] & 0xc0 == 0x80 { end += 1 }
    spans.append(TokenSpan(id: Int(id), start: start, end: end))
  }

  mutating func append(_ id: Int32, _ range: Range<Int>, of text: borrowing AlignedText) {
    // Lengths of unknown symbols may reach beyond the text that is left.
    let clamped = range.clamped(to: 0..<text.bytes.count)
    guard !clamped.isEmpty else {
      let place = text.bytes.isEmpty ? text.base : Int(text.source(at: text.bytes.count - 1).end)
      return spans.append(TokenSpan(id: Int(id), start: place, end: place))
    }
    let source = text.source(of: clamped)
    spans.append(TokenSpan(id: Int(id), start: source.start, end: source.end))
  }
}
