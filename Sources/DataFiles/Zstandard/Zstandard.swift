/// Unpacks Zstandard files (RFC 8878) of one frame or several, without dictionaries of their own.
struct Zstandard: ByteSource {
  /// What stays from block to block of a frame.
  private struct Frame {
    var contentSize: Int?
    var hasChecksum: Bool
    var isLast = false
    var checksum = XXHash64()
    var produced = 0
    var blocks = ZstandardBlocks()
  }

  private let input: UnsafeRawBufferPointer
  private var position = 0
  private var frame: Frame?
  private var output = UnpackedBytes(window: 0)

  /// What `zstd --long=27` refers back to; more is not taken into memory.
  private static let largestWindow = 1 << 27
  /// Blocks are not larger, packed or not.
  static let largestBlock = 1 << 17

  init(_ input: UnsafeRawBufferPointer) { self.input = input }

  /// Whether a buffer begins as packed files do.
  static func isPacked(_ input: UnsafeRawBufferPointer) -> Bool {
    guard input.count >= 4 else { return false }
    let magic = HybridReader.bits(input, at: 0, 32)
    return magic == 0xFD2F_B528 || magic & ~15 == 0x184D_2A50
  }

  mutating func next() throws -> [UInt8]? {
    while true {
      if frame == nil {
        guard position < input.count else { return nil }
        try readHeader()
        continue
      }
      if frame?.isLast == true {
        try endFrame()
      } else {
        try readBlock()
        if let piece = output.take() {
          frame?.produced += piece.count
          if frame?.hasChecksum == true { frame?.checksum.update(piece) }
          return piece
        }
      }
    }
  }

  /// An integer of so many bytes, the lowest first.
  private mutating func number(_ bytes: Int) throws -> Int {
    guard bytes <= input.count - position else { throw DataFileError.malformed("it ends early") }
    defer { position += bytes }
    return HybridReader.bits(input, at: 8 * position, 8 * bytes)
  }

  /// Section 3.1.1.1, or a frame of other content, which is skipped (3.1.2).
  private mutating func readHeader() throws {
    let magic = try number(4)
    if magic & ~15 == 0x184D_2A50 {
      let length = try number(4)
      guard length <= input.count - position else { throw DataFileError.malformed("it ends early") }
      position += length
      return
    }
    guard magic == 0xFD2F_B528 else { throw DataFileError.malformed("it is not packed by Zstandard") }
    let descriptor = try number(1)
    guard descriptor & 8 == 0 else { throw DataFileError.malformed("its Zstandard header has unknown flags") }
    let isSingle = descriptor & 32 != 0
    var window = 0
    if !isSingle {
      let form = try number(1)
      let base = 1 << (10 + (form >> 3))
      window = base + base / 8 * (form & 7)
    }
    guard try number([0, 1, 2, 4][descriptor & 3]) == 0 else {
      throw DataFileError(.unsupported, "it is packed with a dictionary of its own, which is not read here")
    }
    let sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]
    let size = try number(sizeBytes) + (sizeBytes == 2 ? 256 : 0)
    guard size >= 0 else { throw DataFileError.malformed("its Zstandard header has no length") }
    if isSingle { window = size }
    guard window <= Self.largestWindow else {
      throw DataFileError(
        .unsupported, "it is packed with a window of over \(Self.largestWindow) bytes, which is not read here")
    }
    frame = Frame(contentSize: sizeBytes > 0 ? size : nil, hasChecksum: descriptor & 4 != 0)
    output.begin(window: window)
  }

  /// Section 3.1.1.2.
  private mutating func readBlock() throws {
    let header = try number(3)
    frame?.isLast = header & 1 == 1
    let size = header >> 3
    guard size <= Self.largestBlock else { throw DataFileError.malformed("a block is too large") }
    if header >> 1 & 3 == 1 {
      output.append(UInt8(try number(1)), count: size)
      return
    }
    guard size <= input.count - position else { throw DataFileError.malformed("it ends early") }
    let content = UnsafeRawBufferPointer(rebasing: input[position..<position + size])
    position += size
    switch header >> 1 & 3 {
    case 0: output.append(content)
    case 2: try frame?.blocks.unpack(content, into: &output)
    default: throw DataFileError.malformed("a block of no known kind")
    }
  }

  private mutating func endFrame() throws {
    guard let ended = frame else { return }
    frame = nil
    if let size = ended.contentSize, size != ended.produced {
      throw DataFileError.malformed("it unpacks to \(ended.produced) bytes, not the \(size) that it tells")
    }
    guard ended.hasChecksum else { return }
    guard UInt64(try number(4)) == ended.checksum.value & 0xFFFF_FFFF else {
      throw DataFileError.malformed("its checksum does not fit its content")
    }
  }
}
