/// Reads bits of a buffer, the lowest of each byte first.
struct LowBitReader {
  private let input: UnsafeRawBufferPointer
  private var position: Int
  private var held: UInt64 = 0
  private var count = 0

  init(_ input: UnsafeRawBufferPointer, from position: Int = 0) {
    self.input = input
    self.position = position
  }

  /// Where the next whole byte is.
  var bytePosition: Int { position - count / 8 }

  private mutating func fill() {
    while count <= 56, position < input.count {
      held |= UInt64(input[position]) << UInt64(count)
      position += 1
      count += 8
    }
  }

  /// The next bits without taking them; zeros follow the end.
  mutating func peek(_ width: Int) -> Int {
    if count < width { fill() }
    return Int(held & (1 << UInt64(width) - 1))
  }

  /// At most 32 bits.
  ///
  /// - Throws: `DataFileError` if the input ends before.
  mutating func take(_ width: Int) throws -> Int {
    if count < width {
      fill()
      guard count >= width else { throw DataFileError.malformed("it ends early") }
    }
    let value = Int(held & (1 << UInt64(width) - 1))
    held >>= UInt64(width)
    count -= width
    return value
  }

  /// Skips to the next whole byte.
  mutating func align() {
    held >>= UInt64(count % 8)
    count -= count % 8
  }

  /// The next whole bytes; the reader must be aligned.
  mutating func bytes(_ length: Int) throws -> UnsafeRawBufferPointer {
    let start = bytePosition
    guard length <= input.count - start else { throw DataFileError.malformed("it ends early") }
    held = 0
    count = 0
    position = start + length
    return UnsafeRawBufferPointer(rebasing: input[start..<position])
  }
}
