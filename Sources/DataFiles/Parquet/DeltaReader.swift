/// Reads integers that are stored as packed differences (`Encodings.md`, DELTA_BINARY_PACKED).
struct DeltaReader {
  private let input: UnsafeRawBufferPointer
  /// Where the next byte is; after the last number, where they end.
  private(set) var position: Int
  /// Numbers in all, and how many are left.
  let count: Int
  private var left: Int
  private var value: Int
  private var isFirst = true

  private let miniblocks: Int
  private let size: Int
  private var smallest = 0
  private var widths: [Int] = []
  /// The current miniblock of the block, where it begins, and how much of it was read.
  private var miniblock = 0
  private var start = 0
  private var taken = 0

  /// - Parameter limit: the most numbers that there may be.
  init(_ input: UnsafeRawBufferPointer, from start: Int = 0, limit: Int) throws {
    self.input = input
    position = start
    let block = try Self.variable(input, &position)
    miniblocks = try Self.variable(input, &position)
    count = try Self.variable(input, &position)
    let first = try Self.variable(input, &position)
    value = Int(bitPattern: UInt(bitPattern: first) >> 1) ^ -(first & 1)
    guard (1...1 << 20).contains(block), (1...512).contains(miniblocks), block % miniblocks == 0,
      block / miniblocks % 8 == 0, (0...limit).contains(count)
    else { throw DataFileError.malformed("a page of differences has a wrong header") }
    size = block / miniblocks
    left = count
    miniblock = miniblocks
  }

  /// The next number, with the overflow that the format asks for.
  mutating func next() throws -> Int {
    guard left > 0 else { throw DataFileError.malformed("a page has too few values") }
    left -= 1
    if isFirst {
      isFirst = false
      return value
    }
    if taken == size || miniblock == miniblocks { try beginMiniblock() }
    let difference = HybridReader.bits(input, at: 8 * start + taken * widths[miniblock], widths[miniblock])
    taken += 1
    value = value &+ smallest &+ difference
    return value
  }

  private mutating func beginMiniblock() throws {
    miniblock += 1
    if miniblock >= miniblocks {
      let head = try Self.variable(input, &position)
      smallest = Int(bitPattern: UInt(bitPattern: head) >> 1) ^ -(head & 1)
      guard miniblocks <= input.count - position else { throw DataFileError.malformed("a page has too few values") }
      widths = input[position..<position + miniblocks].map(Int.init)
      position += miniblocks
      miniblock = 0
    }
    start = position
    taken = 0
    let bytes = size / 8 * widths[miniblock]
    // Those of miniblocks that no number needs may be anything.
    guard widths[miniblock] <= 64, bytes <= input.count - position else {
      throw DataFileError.malformed("a page has too few values")
    }
    position += bytes
  }

  private static func variable(_ input: UnsafeRawBufferPointer, _ position: inout Int) throws -> Int {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < input.count else { throw DataFileError.malformed("a page has too few values") }
      let byte = input[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return Int(truncatingIfNeeded: value) }
    }
    throw DataFileError.malformed("a page has a number without end")
  }
}
