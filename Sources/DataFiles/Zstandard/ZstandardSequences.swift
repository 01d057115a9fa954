/// Puts a block together from literals and references back (RFC 8878, sections 3.1.1.3.2 and 3.1.1.4 to 3.1.1.5).
struct ZstandardSequences {
  /// The tables of the block before, for lengths of literals, distances and lengths of references.
  private var tables: [FiniteStateTable?] = [nil, nil, nil]
  private var recent = (1, 4, 8)

  init() {}

  mutating func unpack(
    _ input: UnsafeRawBufferPointer, literals: [UInt8], into output: inout UnpackedBytes
  ) throws {
    let limit = output.count + Zstandard.largestBlock
    var used = 0
    let start = try literals.withUnsafeBytes { literals in
      var (count, position) = try Self.count(input)
      guard count > 0 else {
        guard position == input.count else { throw DataFileError.malformed("a block is longer than its content") }
        return 0
      }
      try readTables(input, &position)
      guard let lengths = tables[0], let distances = tables[1], let matches = tables[2] else { return 0 }
      var bits = try HighBitReader(UnsafeRawBufferPointer(rebasing: input[position...]))
      var states = (bits.take(lengths.accuracy), bits.take(distances.accuracy), bits.take(matches.accuracy))
      while true {
        let entries = (lengths.entries[states.0], distances.entries[states.1], matches.entries[states.2])
        let code = 1 << entries.1.symbol + bits.take(entries.1.symbol)
        let match = Self.matchBases[entries.2.symbol] + bits.take(Self.matchBits[entries.2.symbol])
        let length = Self.literalBases[entries.0.symbol] + bits.take(Self.literalBits[entries.0.symbol])
        guard bits.left >= 0, length <= literals.count - used, output.count + length + match <= limit else {
          throw DataFileError.malformed("a block has more references than content")
        }
        output.append(UnsafeRawBufferPointer(rebasing: literals[used..<used + length]))
        used += length
        guard output.copy(distance: distance(code, isAfterLiterals: length > 0), length: match) else {
          throw DataFileError.malformed("a reference to before the start")
        }
        count -= 1
        if count == 0 { break }
        states.0 = entries.0.base + bits.take(entries.0.bits)
        states.2 = entries.2.base + bits.take(entries.2.bits)
        states.1 = entries.1.base + bits.take(entries.1.bits)
      }
      guard bits.left == 0 else { throw DataFileError.malformed("a block is longer than its content") }
      return used
    }
    guard output.count + literals.count - start <= limit else {
      throw DataFileError.malformed("a block is too large")
    }
    literals.withUnsafeBytes { output.append(UnsafeRawBufferPointer(rebasing: $0[start...])) }
  }

  private static func count(_ input: UnsafeRawBufferPointer) throws -> (count: Int, position: Int) {
    func byte(_ index: Int) throws -> Int {
      guard index < input.count else { throw DataFileError.malformed("a block ends early") }
      return Int(input[index])
    }
    let head = try byte(0)
    if head < 128 { return (head, 1) }
    if head < 255 { return (try (head - 128) << 8 + byte(1), 2) }
    return (try byte(1) + byte(2) << 8 + 0x7F00, 3)
  }

  private mutating func readTables(_ input: UnsafeRawBufferPointer, _ position: inout Int) throws {
    guard position < input.count, input[position] & 3 == 0 else { throw DataFileError.malformed("a block ends early") }
    let modes = Int(input[position])
    position += 1
    let largest = [(9, 35), (8, 31), (9, 52)]
    for index in 0..<3 {
      let rest = UnsafeRawBufferPointer(rebasing: input[position...])
      switch modes >> (6 - 2 * index) & 3 {
      case 0: tables[index] = try Self.defaults[index].get()
      case 1:
        guard let symbol = rest.first, symbol <= largest[index].1 else {
          throw DataFileError.malformed("a block has an unknown symbol")
        }
        tables[index] = FiniteStateTable(only: Int(symbol))
        position += 1
      case 2:
        let (table, bytes) = try FiniteStateTable.read(
          rest, largestAccuracy: largest[index].0, largestSymbol: largest[index].1)
        tables[index] = table
        position += bytes
      default:
        guard tables[index] != nil else {
          throw DataFileError.malformed("a block goes on with a table that is not there")
        }
      }
    }
  }

  /// The distance that a code means: one of the last three, or a new one; 0 if it means none.
  private mutating func distance(_ code: Int, isAfterLiterals: Bool) -> Int {
    let place = code > 3 ? 4 : code + (isAfterLiterals ? 0 : 1)
    switch place {
    case 1: return recent.0
    case 2: recent = (recent.1, recent.0, recent.2)
    case 3: recent = (recent.2, recent.0, recent.1)
    default: recent = (code > 3 ? code - 3 : recent.0 - 1, recent.0, recent.1)
    }
    return recent.0
  }

  private static let literalBits = [Int](repeating: 0, count: 16) + [1, 1, 1, 1, 2, 2, 3, 3, 4] + Array(6...16)
  private static let matchBits = [Int](repeating: 0, count: 32) + [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5] + Array(7...16)
  /// Each code begins where the one before it ends.
  private static let literalBases = literalBits.indices.map { code in
    literalBits[..<code].reduce(0) { $0 + 1 << $1 }
  }
  private static let matchBases = matchBits.indices.map { code in matchBits[..<code].reduce(3) { $0 + 1 << $1 } }

  /// Section 3.1.1.3.2.2.
  private static let defaults: [Result<FiniteStateTable, any Error>] = [
    (
      6,
      [
        4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
      ]
    ), (5, [1, 1, 1, 1, 1, 1, 2, 2, 2] + [Int](repeating: 1, count: 15) + [-1, -1, -1, -1, -1]),
    (6, [1, 4, 3, 2, 2, 2, 2, 2, 2] + [Int](repeating: 1, count: 37) + [Int](repeating: -1, count: 7)),
  ].map { accuracy, counts in Result { try FiniteStateTable(counts, accuracy: accuracy) } }
}
