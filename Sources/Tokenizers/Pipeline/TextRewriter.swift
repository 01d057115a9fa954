/// Builds a text anew from left to right, and keeps track of where its bytes came from.
struct TextRewriter {
  private let old: AlignedText
  private var bytes: [UInt8] = []
  private var sources: [AlignedText.Source] = []
  /// The next byte of the old text.
  private(set) var position = 0

  /// A rewriter at the start of a text.
  init(_ text: AlignedText) {
    old = text
    bytes.reserveCapacity(text.bytes.count + text.bytes.count / 8 + 8)
    if text.isTracked { sources.reserveCapacity(text.bytes.count + 8) }
  }

  /// The number of bytes written.
  var count: Int { bytes.count }

  /// Takes the bytes up to `end` as they are.
  mutating func keep(upTo end: Int) {
    guard position < end else { return }
    bytes.append(contentsOf: old.bytes[position..<end])
    if old.isTracked {
      if let known = old.sources {
        sources.append(contentsOf: known[position..<end])
      } else {
        for index in position..<end { sources.append(old.source(at: index)) }
      }
    }
    position = end
  }

  /// Drops the bytes up to `end`.
  mutating func skip(to end: Int) { position = end }

  /// Puts bytes in the place of those up to `end`; all come from the first character there.
  mutating func replace(upTo end: Int, with new: some Collection<UInt8>) {
    bytes.append(contentsOf: new)
    if old.isTracked, position < old.bytes.count {
      sources.append(contentsOf: repeatElement(old.source(at: position), count: new.count))
    }
    position = end
  }

  /// Puts bytes in the place of those up to `end`; all come from the last character there.
  mutating func replaceByLast(upTo end: Int, with new: some Collection<UInt8>) {
    position = end
    insert(new)
  }

  /// Adds bytes that come from the character at the position, which stays.
  mutating func insertBefore(_ new: some Collection<UInt8>) { replace(upTo: position, with: new) }

  /// Adds bytes that come from the character before the position.
  mutating func insert(_ new: some Collection<UInt8>) {
    bytes.append(contentsOf: new)
    guard old.isTracked else { return }
    let source = position > 0 ? old.source(at: position - 1) : AlignedText.Source(old.base, old.base)
    sources.append(contentsOf: repeatElement(source, count: new.count))
  }

  /// Adds a scalar: in the place of one (0), as well as those before it (above 0), or in the place of one and as many
  /// after it (below 0).
  mutating func emit(_ scalar: UInt32, change: Int) {
    let before = bytes.count
    UTF8Scalar.append(scalar, to: &bytes)
    if old.isTracked {
      let index = change > 0 ? position - 1 : position
      let source =
        old.bytes.indices.contains(index) ? old.source(at: index) : AlignedText.Source(old.base, old.base)
      sources.append(contentsOf: repeatElement(source, count: bytes.count - before))
    }
    guard change <= 0 else { return }
    for _ in 0..<1 - change where position < old.bytes.count {
      position += UTF8Scalar.length(lead: old.bytes[position])
    }
  }

  /// The new text; what was not taken of the old one is gone.
  consuming func finish() -> AlignedText {
    AlignedText(bytes: bytes, sources: old.isTracked ? sources : nil, base: old.base, isTracked: old.isTracked)
  }
}
