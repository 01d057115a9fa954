/// Unpacks the blocks of a frame, each of which may go on with the tables of the one before (RFC 8878, section 3.1.1.3).
struct ZstandardBlocks {
  private var literalCode: LiteralCode?
  private var sequences = ZstandardSequences()

  init() {}

  mutating func unpack(_ input: UnsafeRawBufferPointer, into output: inout UnpackedBytes) throws {
    let (literals, bytes) = try literals(input)
    try sequences.unpack(
      UnsafeRawBufferPointer(rebasing: input[bytes...]), literals: literals, into: &output)
  }

  /// Section 3.1.1.3.1.
  private mutating func literals(_ input: UnsafeRawBufferPointer) throws -> (literals: [UInt8], bytes: Int) {
    func part(_ range: Range<Int>) throws -> UnsafeRawBufferPointer {
      guard range.upperBound <= input.count else { throw DataFileError.malformed("a block ends early") }
      return UnsafeRawBufferPointer(rebasing: input[range])
    }
    func number(_ bytes: Int) throws -> Int { HybridReader.bits(try part(0..<bytes), at: 0, 8 * bytes) }
    let head = try number(1)
    let form = head >> 2 & 3
    if head & 3 < 2 {
      let bytes = form & 1 == 0 ? 1 : form == 1 ? 2 : 3
      let size = try number(bytes) >> (bytes == 1 ? 3 : 4)
      guard size <= Zstandard.largestBlock else { throw DataFileError.malformed("a block is too large") }
      if head & 3 == 0 { return ([UInt8](try part(bytes..<bytes + size)), bytes + size) }
      return ([UInt8](repeating: try part(bytes..<bytes + 1)[0], count: size), bytes + 1)
    }
    let (bytes, width) = [(3, 10), (3, 10), (4, 14), (5, 18)][form]
    let sizes = try number(bytes) >> 4
    let (size, packed) = (sizes & (1 << width - 1), sizes >> width)
    guard size <= Zstandard.largestBlock else { throw DataFileError.malformed("a block is too large") }
    var content = try part(bytes..<bytes + packed)
    if head & 3 == 2 {
      var used = 0
      literalCode = try LiteralCode(content, bytes: &used)
      content = UnsafeRawBufferPointer(rebasing: content[used...])
    }
    guard let literalCode else { throw DataFileError.malformed("a block goes on with a code that is not there") }
    var literals: [UInt8] = []
    literals.reserveCapacity(size)
    if form == 0 {
      try literalCode.read(content, count: size, into: &literals)
    } else {
      try Self.fourStreams(content, literalCode, size, into: &literals)
    }
    return (literals, bytes + packed)
  }

  private static func fourStreams(
    _ content: UnsafeRawBufferPointer, _ code: LiteralCode, _ size: Int, into literals: inout [UInt8]
  ) throws {
    guard content.count >= 6 else { throw DataFileError.malformed("a block ends early") }
    let lengths = (0..<3).map { HybridReader.bits(content, at: 16 * $0, 16) }
    var start = 6
    for stream in 0..<4 {
      let end = stream < 3 ? start + lengths[stream] : content.count
      let count = stream < 3 ? (size + 3) / 4 : size - 3 * ((size + 3) / 4)
      guard end <= content.count, count >= 0 else { throw DataFileError.malformed("a block ends early") }
      try code.read(UnsafeRawBufferPointer(rebasing: content[start..<end]), count: count, into: &literals)
      start = end
    }
  }
}
