/// A byte string inside a longer text; its first sixteen bytes are read as two numbers, without a loop over them.
struct ByteSlice {
  private let base: UnsafeRawPointer?
  /// The length in bytes.
  let count: Int
  /// How many bytes may be read, those after the string included.
  private let room: Int

  /// A part of a text.
  @inline(__always)
  init(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int) {
    base = text.baseAddress.map { UnsafeRawPointer($0 + start) }
    self.count = count
    room = text.count &- start
  }

  /// A whole text.
  @inline(__always)
  init(_ text: UnsafeBufferPointer<UInt8>) { self.init(text, 0, text.count) }

  private init(base: UnsafeRawPointer?, count: Int, room: Int) {
    self.base = base
    self.count = count
    self.room = room
  }

  /// The bytes alone.
  @inline(__always)
  var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: base?.assumingMemoryBound(to: UInt8.self), count: count)
  }

  /// A part of the string.
  @inline(__always)
  func part(_ range: Range<Int>) -> ByteSlice {
    ByteSlice(base: base.map { $0 + range.lowerBound }, count: range.count, room: room - range.lowerBound)
  }

  /// The first eight bytes, the first one lowest, and the next eight; zeros where the string is shorter.
  @inline(__always)
  var words: (first: UInt64, second: UInt64) {
    guard room >= 16, let base else { return wordsAtEnd }
    return Self.first(count, of: (Self.word(base, 0), Self.word(base, 8)))
  }

  /// The first bytes of sixteen, and zeros for the others.
  @inline(__always)
  static func first(_ count: Int, of words: (first: UInt64, second: UInt64)) -> (first: UInt64, second: UInt64) {
    (words.first & mask(count), words.second & mask(count &- 8))
  }

  /// Eight bytes at an offset of the string, which has them.
  @inline(__always)
  func word(at offset: Int) -> UInt64 { base.map { Self.word($0, offset) } ?? 0 }

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
    for (index, byte) in bytes.prefix(8).enumerated() { words.first |= UInt64(byte) << UInt64(8 * index) }
    for (index, byte) in bytes.dropFirst(8).prefix(8).enumerated() {
      words.second |= UInt64(byte) << UInt64(8 * index)
    }
    return words
  }

  @inline(__always)
  private static func word(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// A number with this many of its lower bytes set, at most eight.
  @inline(__always)
  private static func mask(_ count: Int) -> UInt64 {
    // Two shifts, since one by 64 bits would be one by none.
    let half = UInt64(truncatingIfNeeded: 4 &* max(0, min(count, 8)))
    return ~((UInt64.max &<< half) &<< half)
  }
}
