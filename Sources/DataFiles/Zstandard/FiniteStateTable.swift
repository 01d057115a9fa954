/// A table of finite state entropy: what each state stands for, and which bits lead to the next (RFC 8878, section 4.1).
struct FiniteStateTable {
  struct Entry {
    var symbol = 0
    /// Bits to read, and what they are added to.
    var bits = 0
    var base = 0
  }

  /// Bits of a state.
  let accuracy: Int
  private(set) var entries: [Entry]

  /// A table that stands for one symbol without any bits.
  init(only symbol: Int) {
    accuracy = 0
    entries = [Entry(symbol: symbol)]
  }

  /// - Parameter counts: of how many of the `1 << accuracy` states each symbol takes; -1 for less than one.
  /// - Throws: `DataFileError` if they do not fill the table.
  init(_ counts: [Int], accuracy: Int) throws {
    let size = 1 << accuracy
    self.accuracy = accuracy
    entries = [Entry](repeating: Entry(), count: size)
    var high = size - 1
    for (symbol, count) in counts.enumerated() where count == -1 {
      guard high >= 0 else { throw DataFileError.malformed("a table of states overflows") }
      entries[high].symbol = symbol
      high -= 1
    }
    var position = 0
    for (symbol, count) in counts.enumerated() where count > 0 {
      for _ in 0..<count {
        entries[position].symbol = symbol
        repeat { position = (position + (size >> 1) + (size >> 3) + 3) & (size - 1) } while position > high
      }
    }
    guard position == 0 else { throw DataFileError.malformed("a table of states is not filled") }
    var next = counts.map { $0 == -1 ? 1 : $0 }
    for index in entries.indices {
      let symbol = entries[index].symbol
      let bits = accuracy - (Int.bitWidth - 1 - next[symbol].leadingZeroBitCount)
      entries[index].bits = bits
      entries[index].base = next[symbol] << bits - size
      next[symbol] += 1
    }
  }

  /// Reads the counts that describe a table.
  ///
  /// - Returns: the table, and how many bytes describe it.
  static func read(
    _ input: UnsafeRawBufferPointer, largestAccuracy: Int, largestSymbol: Int
  ) throws -> (table: FiniteStateTable, bytes: Int) {
    var bits = LowBitReader(input)
    let accuracy = try bits.take(4) + 5
    guard accuracy <= largestAccuracy else { throw DataFileError.malformed("a table of states is too large") }
    var remaining = 1 << accuracy + 1
    var threshold = 1 << accuracy
    var width = accuracy + 1
    var counts: [Int] = []
    while remaining > 1 {
      let most = 2 * threshold - 1 - remaining
      var value = bits.peek(width) & (threshold - 1)
      if value < most {
        _ = try bits.take(width - 1)
      } else {
        value = try bits.take(width) & (2 * threshold - 1)
        if value >= threshold { value -= most }
      }
      let count = value - 1
      counts.append(count)
      remaining -= abs(count)
      if count == 0 {
        // How many more symbols have no state.
        while true {
          let zeros = try bits.take(2)
          counts += repeatElement(0, count: zeros)
          if zeros < 3 { break }
        }
      }
      guard remaining >= 1, counts.count <= largestSymbol + 1 else {
        throw DataFileError.malformed("a table of states does not add up")
      }
      while remaining < threshold {
        width -= 1
        threshold >>= 1
      }
    }
    bits.align()
    return (try FiniteStateTable(counts, accuracy: accuracy), bits.bytePosition)
  }
}
