/// Unpacks DEFLATE (RFC 1951), resumable within a block.
struct Deflate {
  private enum State {
    case header
    case stored(Int)
    case coded(literals: PrefixCode, distances: PrefixCode)
    case end
  }

  private(set) var bits: LowBitReader
  private(set) var output = UnpackedBytes(window: 1 << 15)
  private var state = State.header
  private var isLast = false

  init(_ bits: LowBitReader) { self.bits = bits }

  /// Unpacks until a piece is full, or to the end: nil at the end.
  mutating func next() throws -> [UInt8]? {
    while output.waiting < 1 << 16 {
      switch state {
      case .header: try readHeader()
      case .stored(let count):
        let piece = try bits.bytes(min(count, 1 << 16))
        output.append(piece)
        state = count > piece.count ? .stored(count - piece.count) : afterBlock
      case .coded(let literals, let distances):
        if try unpack(literals, distances) { state = afterBlock }
      case .end: return output.take()
      }
    }
    return output.take()
  }

  private var afterBlock: State { isLast ? .end : .header }

  private mutating func readHeader() throws {
    isLast = try bits.take(1) == 1
    switch try bits.take(2) {
    case 0:
      bits.align()
      let length = try bits.take(16)
      guard try bits.take(16) == length ^ 0xFFFF else { throw DataFileError.malformed("a stored block has no length") }
      state = length == 0 ? afterBlock : .stored(length)
    case 1: state = .coded(literals: Self.fixedLiterals, distances: Self.fixedDistances)
    case 2:
      let (literals, distances) = try readCodes()
      state = .coded(literals: literals, distances: distances)
    default: throw DataFileError.malformed("a block of no known kind")
    }
  }

  /// Unpacks symbols until the block ends (true) or a piece is full.
  private mutating func unpack(_ literals: PrefixCode, _ distances: PrefixCode) throws -> Bool {
    while output.waiting < 1 << 16 {
      let symbol = try literals.read(&bits)
      if symbol < 256 {
        output.append(UInt8(symbol))
        continue
      }
      if symbol == 256 { return true }
      guard symbol < 286 else { throw DataFileError.malformed("a length of no known kind") }
      let length = Self.lengthBases[symbol - 257] + (try bits.take(Self.lengthBits[symbol - 257]))
      let code = try distances.read(&bits)
      guard code < 30 else { throw DataFileError.malformed("a distance of no known kind") }
      let distance = Self.distanceBases[code] + (try bits.take(Self.distanceBits(code)))
      guard output.copy(distance: distance, length: length) else {
        throw DataFileError.malformed("a reference to before the start")
      }
    }
    return false
  }

  /// The codes of a block, packed by a code of their own (section 3.2.7).
  private mutating func readCodes() throws -> (PrefixCode, PrefixCode) {
    let literals = try bits.take(5) + 257
    let distances = try bits.take(5) + 1
    let count = try bits.take(4) + 4
    var lengths = [UInt8](repeating: 0, count: 19)
    for place in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].prefix(count) {
      lengths[place] = UInt8(try bits.take(3))
    }
    let code = try PrefixCode(lengths: lengths)
    var all: [UInt8] = []
    while all.count < literals + distances {
      let symbol = try code.read(&bits)
      switch symbol {
      case 0..<16: all.append(UInt8(symbol))
      case 16:
        guard let last = all.last else { throw DataFileError.malformed("nothing to repeat") }
        all += repeatElement(last, count: try bits.take(2) + 3)
      case 17: all += repeatElement(0, count: try bits.take(3) + 3)
      default: all += repeatElement(0, count: try bits.take(7) + 11)
      }
    }
    guard all.count == literals + distances else { throw DataFileError.malformed("too many lengths of codes") }
    return (
      try PrefixCode(lengths: Array(all[..<literals])), try PrefixCode(lengths: Array(all[literals...]))
    )
  }

  private static let lengthBits = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ]
  /// Each code begins where the one before it ends; the last stands for 258 alone.
  private static let lengthBases = lengthBits.indices.map { code in
    code == 28 ? 258 : lengthBits[..<code].reduce(3) { $0 + 1 << $1 }
  }
  private static func distanceBits(_ code: Int) -> Int { max(0, code / 2 - 1) }
  private static let distanceBases = (0..<30).map { code in
    (0..<code).reduce(1) { $0 + 1 << distanceBits($1) }
  }

  private static let fixedLiterals = PrefixCode(
    complete: (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
  private static let fixedDistances = PrefixCode(complete: [UInt8](repeating: 5, count: 32))
}
