/// Unpacks a Snappy block, as Parquet pages hold it (`format_description.txt` of google/snappy).
enum Snappy {
  /// - Parameter size: the length that the block must unpack to.
  static func unpack(_ input: UnsafeRawBufferPointer, size: Int) throws -> [UInt8] {
    var position = 0
    func byte() throws -> Int {
      guard position < input.count else { throw DataFileError.malformed("a Snappy block ends early") }
      defer { position += 1 }
      return Int(input[position])
    }
    func number(_ bytes: Int) throws -> Int { try (0..<bytes).reduce(0) { $0 | (try byte()) << (8 * $1) } }
    var declared = 0
    for shift in stride(from: 0, to: 35, by: 7) {
      let next = try byte()
      declared |= (next & 0x7F) << shift
      if next < 0x80 { break }
      if shift == 28 { throw DataFileError.malformed("a Snappy block has no length") }
    }
    // Three bytes make at most 64.
    guard declared == size, size <= 32 * input.count else {
      throw DataFileError.malformed("a Snappy block of another length than its page tells")
    }
    var output = UnpackedBytes(window: .max)
    while position < input.count {
      let tag = try byte()
      if tag & 3 == 0 {
        let short = tag >> 2
        let length = (short < 60 ? short : try number(short - 59)) + 1
        guard length <= input.count - position, length <= size - output.count else {
          throw DataFileError.malformed("a Snappy block ends early")
        }
        output.append(UnsafeRawBufferPointer(rebasing: input[position..<position + length]))
        position += length
        continue
      }
      let length: Int
      let distance: Int
      switch tag & 3 {
      case 1: (length, distance) = (tag >> 2 & 7 + 4, (tag >> 5) << 8 | (try byte()))
      case 2: (length, distance) = (tag >> 2 + 1, try number(2))
      default: (length, distance) = (tag >> 2 + 1, try number(4))
      }
      guard length <= size - output.count, output.copy(distance: distance, length: length) else {
        throw DataFileError.malformed("a Snappy block refers to before its start")
      }
    }
    guard output.count == size else { throw DataFileError.malformed("a Snappy block ends early") }
    return output.all()
  }
}
