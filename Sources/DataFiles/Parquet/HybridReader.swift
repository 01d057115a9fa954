/// Reads small numbers in runs and bit-packed groups of eight: levels, places in dictionaries, truth values (`Encodings.md`,
/// RLE/bit-packing hybrid).
struct HybridReader {
  private let input: UnsafeRawBufferPointer
  private let width: Int
  private var position = 0
  /// How many of the current run are left, and its value; for packed ones where they begin.
  private var left = 0
  private var value = 0
  private var packed: Int?
  private var taken = 0

  /// - Parameter width: bits of a number, at most 32.
  init(_ input: UnsafeRawBufferPointer, width: Int) {
    self.input = input
    self.width = width
  }

  mutating func next() throws -> Int {
    if width == 0 { return 0 }
    if left == 0 { try begin() }
    left -= 1
    guard let packed else { return value }
    defer { taken += 1 }
    return Self.bits(input, at: 8 * packed + taken * width, width)
  }

  private mutating func begin() throws {
    var head = 0
    for shift in stride(from: 0, to: 35, by: 7) {
      guard position < input.count else { throw DataFileError.malformed("a page has too few values") }
      let byte = Int(input[position])
      position += 1
      head |= (byte & 0x7F) << shift
      if byte < 0x80 { break }
    }
    if head & 1 == 1 {
      // Writers may leave out the bytes of the last group that no value needs.
      let available = (input.count - position) * 8 / width
      left = min((head >> 1) * 8, available)
      packed = position
      taken = 0
      position = min(input.count, position + (head >> 1) * width)
    } else {
      let bytes = (width + 7) / 8
      guard bytes <= input.count - position else { throw DataFileError.malformed("a page has too few values") }
      value = (0..<bytes).reduce(0) { $0 | Int(input[position + $1]) << (8 * $1) }
      position += bytes
      left = head >> 1
      packed = nil
    }
    guard left > 0 else { throw DataFileError.malformed("a page has an empty run") }
  }

  /// `width` bits from a bit on, the lowest first; up to 64, all within the buffer.
  static func bits(_ input: UnsafeRawBufferPointer, at start: Int, _ width: Int) -> Int {
    guard width > 0 else { return 0 }
    if width <= 56, start / 8 + 8 <= input.count {
      let word = UInt64(littleEndian: input.loadUnaligned(fromByteOffset: start / 8, as: UInt64.self))
      return Int(word >> UInt64(start % 8) & (1 << UInt64(width) - 1))
    }
    var value: UInt64 = 0
    var got = 0
    var place = start / 8
    let skipped = start % 8
    while got < width {
      let byte = UInt64(input[place])
      if got == 0 {
        value = byte >> UInt64(skipped)
        got = 8 - skipped
      } else {
        value |= byte << UInt64(got)
        got += 8
      }
      place += 1
    }
    return Int(truncatingIfNeeded: width == 64 ? value : value & (1 << UInt64(width) - 1))
  }
}
