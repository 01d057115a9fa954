/// The canonical prefix code of DEFLATE: shorter codes first, codes of one length in the order of their symbols (RFC 1951,
/// section 3.2.2).
struct PrefixCode {
  /// How many codes each length has, and the symbols in the order of their codes.
  private var counts = [Int](repeating: 0, count: 16)
  private var symbols: [Int] = []
  /// For the next nine bits, the symbol times 16 and the length of its code; 0 where it is longer.
  private var table = [UInt16](repeating: 0, count: 1 << tableBits)
  private static let tableBits = 9

  /// A code from the length of each symbol's code; 0 means that a symbol has none.
  ///
  /// - Throws: `DataFileError` if there are more codes than bits can tell apart.
  init(lengths: [UInt8]) throws {
    self.init(complete: lengths)
    var left = 1
    for length in 1..<16 {
      left = 2 * left - counts[length]
      guard left >= 0 else { throw DataFileError.malformed("a code that is no prefix code") }
    }
  }

  /// As above, of lengths that are known to be right.
  init(complete lengths: [UInt8]) {
    for length in lengths where length > 0 { counts[Int(length & 15)] += 1 }
    symbols = lengths.indices.filter { lengths[$0] > 0 }.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
    var code = 0
    var index = 0
    for length in 1...Self.tableBits {
      code <<= 1
      for _ in 0..<counts[length] {
        guard code < 1 << length else { return }
        // Codes come with their first bit lowest.
        let start = (0..<length).reduce(0) { $0 << 1 | code >> $1 & 1 }
        for place in stride(from: start, to: table.count, by: 1 << length) {
          table[place] = UInt16(symbols[index] << 4 | length)
        }
        code += 1
        index += 1
      }
    }
  }

  /// The symbol of the code that comes next.
  func read(_ bits: inout LowBitReader) throws -> Int {
    let entry = table[bits.peek(Self.tableBits)]
    if entry > 0 {
      _ = try bits.take(Int(entry & 15))
      return Int(entry >> 4)
    }
    var (code, first, index) = (0, 0, 0)
    for length in 1..<16 {
      code |= try bits.take(1)
      let count = counts[length]
      if code - count < first { return symbols[index + code - first] }
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    throw DataFileError.malformed("a code without a symbol")
  }
}
