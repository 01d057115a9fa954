/// The prefix code of literals (RFC 8878, section 4.2).
struct LiteralCode {
  /// Bits of the longest code.
  private var longest = 0
  /// For the next `longest` bits, the symbol times 16 and the length of its code.
  private var table: [UInt16] = []

  /// Reads the description of a code; `bytes` is its length.
  init(_ input: UnsafeRawBufferPointer, bytes: inout Int) throws {
    guard let head = input.first.map(Int.init) else { throw DataFileError.malformed("a block ends early") }
    var weights: [Int]
    if head >= 128 {
      let count = head - 127
      bytes = 1 + (count + 1) / 2
      guard bytes <= input.count else { throw DataFileError.malformed("a block ends early") }
      weights = (0..<count).map { Int(input[1 + $0 / 2]) >> ($0 % 2 == 0 ? 4 : 0) & 15 }
    } else {
      bytes = 1 + head
      guard bytes <= input.count else { throw DataFileError.malformed("a block ends early") }
      weights = try Self.weights(UnsafeRawBufferPointer(rebasing: input[1..<bytes]))
    }
    try build(&weights)
  }

  /// Weights that are packed by two states in turn.
  private static func weights(_ input: UnsafeRawBufferPointer) throws -> [Int] {
    let (table, start) = try FiniteStateTable.read(input, largestAccuracy: 6, largestSymbol: 12)
    var bits = try HighBitReader(UnsafeRawBufferPointer(rebasing: input[start...]))
    var states = [bits.take(table.accuracy), bits.take(table.accuracy)]
    guard bits.left >= 0 else { throw DataFileError.malformed("a block ends early") }
    var weights: [Int] = []
    var turn = 0
    while weights.count < 254 {
      let entry = table.entries[states[turn]]
      weights.append(entry.symbol)
      states[turn] = entry.base + bits.take(entry.bits)
      turn = 1 - turn
      if bits.left < 0 {
        weights.append(table.entries[states[turn]].symbol)
        return weights
      }
    }
    throw DataFileError.malformed("a code of literals has too many weights")
  }

  /// The weight of the last symbol is what is missing to a power of two.
  private mutating func build(_ weights: inout [Int]) throws {
    func share(_ weight: Int) -> Int { weight > 0 ? 1 << (weight - 1) : 0 }
    let sum = weights.reduce(0) { $0 + share($1) }
    guard sum > 0, weights.allSatisfy({ $0 <= 11 }) else {
      throw DataFileError.malformed("a code of literals is empty")
    }
    longest = Int.bitWidth - sum.leadingZeroBitCount
    let rest = 1 << longest - sum
    guard longest <= 11, rest.nonzeroBitCount == 1, weights.count < 256 else {
      throw DataFileError.malformed("a code of literals does not add up")
    }
    weights.append(rest.trailingZeroBitCount + 1)
    table.reserveCapacity(1 << longest)
    for weight in 1...longest {
      for (symbol, other) in weights.enumerated() where other == weight {
        table += repeatElement(UInt16(symbol << 4 | (longest + 1 - weight)), count: share(weight))
      }
    }
    guard table.count == 1 << longest else { throw DataFileError.malformed("a code of literals does not add up") }
  }

  /// Appends `count` symbols of a stream, which must be used up.
  func read(_ input: UnsafeRawBufferPointer, count: Int, into literals: inout [UInt8]) throws {
    var bits = try HighBitReader(input)
    for _ in 0..<count {
      let entry = table[bits.peek(longest)]
      literals.append(UInt8(entry >> 4))
      _ = bits.take(Int(entry & 15))
    }
    guard bits.left == 0 else { throw DataFileError.malformed("literals do not fit their length") }
  }
}
