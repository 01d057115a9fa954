/// A byte string inside a longer text; its first sixteen bytes are read as two numbers, without a loop over them.
struct ByteSlice {
  /// What the string lies in: bytes that follow it may be read, which has no effect.
  let text: UnsafeRawBufferPointer
  let start: Int
  let count: Int

  private init(text: UnsafeRawBufferPointer, start: Int, count: Int) {
    self.text = text
    self.start = start
    self.count = count
  }

  /// A part of a text.
  @inline(__always)
  init(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int) {
    self.init(text: UnsafeRawBufferPointer(text), start: start, count: count)
  }

  /// A whole text.
  @inline(__always)
  init(_ text: UnsafeBufferPointer<UInt8>) { self.init(text, 0, text.count) }

  /// The bytes alone.
  @inline(__always)
  var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeRawBufferPointer(rebasing: text[start..<start + count]).assumingMemoryBound(to: UInt8.self)
  }

  /// A part of the string.
  @inline(__always)
  func part(_ range: Range<Int>) -> ByteSlice {
    ByteSlice(text: text, start: start + range.lowerBound, count: range.count)
  }

  /// The first eight bytes, the first one lowest, and the next eight; zeros where the string is shorter.
  @inline(__always)
  var words: (first: UInt64, second: UInt64) {
    guard start + 16 <= text.count else { return wordsAtEnd }
    return (word(at: 0) & Self.mask(count), word(at: 8) & Self.mask(count - 8))
  }

  /// Eight bytes at an offset of the string.
  @inline(__always)
  func word(at offset: Int) -> UInt64 {
    UInt64(littleEndian: text.loadUnaligned(fromByteOffset: start + offset, as: UInt64.self))
  }

  /// Whether two strings have the same bytes.
  @inline(__always)
  static func == (left: ByteSlice, right: ByteSlice) -> Bool {
    guard left.count == right.count else { return false }
    if left.count <= 16 { return left.words == right.words }
    var offset = 0
    while offset + 8 < left.count {
      if left.word(at: offset) != right.word(at: offset) { return false }
      offset += 8
    }
    return left.word(at: left.count - 8) == right.word(at: left.count - 8)
  }

  private var wordsAtEnd: (first: UInt64, second: UInt64) {
    var words: (first: UInt64, second: UInt64) = (0, 0)
    for index in 0..<min(count, 8) { words.first |= UInt64(text[start + index]) << UInt64(8 * index) }
    for index in 8..<max(8, min(count, 16)) { words.second |= UInt64(text[start + index]) << UInt64(8 * index - 64) }
    return words
  }

  /// A number with this many of its lower bytes set, at most eight.
  @inline(__always)
  private static func mask(_ count: Int) -> UInt64 {
    count <= 0 ? 0 : UInt64.max >> UInt64(64 - 8 * min(count, 8))
  }
}
