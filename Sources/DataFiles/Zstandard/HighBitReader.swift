/// Reads bits of a buffer from its end to its start; the highest bit that is set marks the end (RFC 8878, section 4.1).
struct HighBitReader {
  private let input: UnsafeRawBufferPointer
  /// Bits that are left; below zero where more were taken than there are.
  private(set) var left: Int

  /// - Throws: `DataFileError` if no bit is set in the last byte.
  init(_ input: UnsafeRawBufferPointer) throws {
    guard let last = input.last, last > 0 else { throw DataFileError.malformed("a stream of bits has no end") }
    self.input = input
    left = 8 * input.count - last.leadingZeroBitCount - 1
  }

  /// The next bits without taking them, at most 57; zeros follow the start.
  func peek(_ width: Int) -> Int {
    if left >= width { return HybridReader.bits(input, at: left - width, width) }
    guard left > 0 else { return 0 }
    return HybridReader.bits(input, at: 0, left) << (width - left)
  }

  mutating func take(_ width: Int) -> Int {
    defer { left -= width }
    return peek(width)
  }
}
