/// Unpacks gzip files (RFC 1952), of one member or several.
struct Gzip: ByteSource {
  private let input: UnsafeRawBufferPointer
  private var position = 0
  private var member: Deflate?
  private var checksum = CRC32()
  private var length: UInt32 = 0

  init(_ input: UnsafeRawBufferPointer) { self.input = input }

  /// Whether a buffer begins as gzip files do.
  static func isPacked(_ input: UnsafeRawBufferPointer) -> Bool {
    input.count >= 3 && input[0] == 0x1F && input[1] == 0x8B && input[2] == 8
  }

  mutating func next() throws -> [UInt8]? {
    while true {
      if member == nil {
        // Zeros fill up some files to the size of a block.
        guard position == 0 || !input[position...].allSatisfy({ $0 == 0 }) else { return nil }
        try readHeader()
      }
      if let piece = try member?.next() {
        checksum.update(piece)
        length &+= UInt32(truncatingIfNeeded: piece.count)
        return piece
      }
      try readTrailer()
    }
  }

  private mutating func readHeader() throws {
    var bits = LowBitReader(input, from: position)
    guard try bits.take(8) == 0x1F, try bits.take(8) == 0x8B, try bits.take(8) == 8 else {
      throw DataFileError.malformed("it is not packed by gzip")
    }
    let flags = try bits.take(8)
    guard flags & 0xE0 == 0 else { throw DataFileError.malformed("its gzip header has unknown flags") }
    _ = try bits.bytes(6)
    if flags & 4 != 0 { _ = try bits.bytes(try bits.take(16)) }
    // A name and a comment, each ended by a zero.
    for flag in [8, 16] where flags & flag != 0 { while try bits.take(8) != 0 {} }
    if flags & 2 != 0 { _ = try bits.take(16) }
    member = Deflate(LowBitReader(input, from: bits.bytePosition))
    checksum = CRC32()
    length = 0
  }

  private mutating func readTrailer() throws {
    guard var bits = member?.bits else { return }
    bits.align()
    guard try bits.take(32) == Int(checksum.value), try bits.take(32) == Int(length) else {
      throw DataFileError.malformed("its checksum does not fit its content")
    }
    position = bits.bytePosition
    member = nil
  }
}

/// The checksum of gzip and Parquet (ISO 3309).
struct CRC32 {
  private var state: UInt32 = 0xFFFF_FFFF

  var value: UInt32 { state ^ 0xFFFF_FFFF }

  mutating func update(_ bytes: some Sequence<UInt8>) {
    var state = state
    Self.table.withUnsafeBufferPointer { table in
      for byte in bytes { state = table[Int(UInt8(truncatingIfNeeded: state) ^ byte)] ^ state >> 8 }
    }
    self.state = state
  }

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
  }
}
