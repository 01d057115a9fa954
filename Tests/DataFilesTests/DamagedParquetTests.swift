import Foundation
import JSONReader
import Testing

@testable import DataFiles

@Suite("Damaged Parquet files")
struct DamagedParquetTests {
  /// Reads all rows; the number of them, or nil for a typed error.
  private func read(_ bytes: [UInt8]) throws -> Int? {
    let path = FileManager.default.temporaryDirectory.path + "/\(UUID()).parquet"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    do {
      var rows = try ParquetFile(path: path).rows()
      var count = 0
      while try rows.next() != nil { count += 1 }
      return count
    } catch let error as DataFileError {
      #expect(error.message.contains(path))
      return nil
    }
  }

  @Test("Bytes changed, swapped, cut out and cut off: rows or a typed error", arguments: ParquetTests.names)
  func changed(name: String) throws {
    let whole = try Recorded.bytes(name + ".parquet")
    var random = Damage(seed: 11)
    let footer = whole.count - 8 - Int(whole[whole.count - 8]) - Int(whole[whole.count - 7]) << 8
    for round in 0..<Damage.rounds {
      var bytes = whole
      // Every other time in the footer, where the promises are.
      let place = round % 2 == 0 ? random.next(bytes.count) : footer + random.next(bytes.count - footer)
      switch round % 5 {
      case 0: bytes.removeSubrange(place...)
      case 1: bytes[place] = UInt8(random.next(256))
      case 2: for _ in 0..<4 { bytes[random.next(bytes.count)] ^= UInt8(1 << random.next(8)) }
      case 3: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.next(16)))
      default: bytes[place] = 0xFF
      }
      _ = try read(bytes)
    }
  }

  @Test("Promises of more rows, values and bytes than a file can have are refused before they cost anything")
  func promises() throws {
    // A footer of one column `a` (required, int32) and one row group with `values` values of one page.
    func file(rows: UInt64, values: UInt64, size: UInt64, page: [UInt8]) -> [UInt8] {
      func number(_ value: UInt64) -> [UInt8] {
        var (rest, bytes): (UInt64, [UInt8]) = (value << 1, [])
        while rest >= 0x80 {
          bytes.append(UInt8(rest & 0x7F | 0x80))
          rest >>= 7
        }
        return bytes + [UInt8(rest)]
      }
      let root: [UInt8] = [0x48, 1, UInt8(ascii: "r"), 0x15, 2, 0]
      let leaf: [UInt8] = [0x15, 2, 0x25, 0, 0x18, 1, UInt8(ascii: "a"), 0]
      let column: [UInt8] =
        [0x3C, 0x45, 0] + [0x16] + number(values) + [0x26] + number(size) + [0x26] + number(4) + [0, 0]
      let group: [UInt8] = [0x19, 0x1C] + column + [0x26] + number(rows) + [0]
      let footer: [UInt8] =
        [0x15, 2, 0x19, 0x2C] + root + leaf + [0x16] + number(rows) + [0x19, 0x1C] + group + [0]
      let bytes = Array("PAR1".utf8) + page + footer
      return bytes + [UInt8(footer.count & 255), UInt8(footer.count >> 8), 0, 0] + Array("PAR1".utf8)
    }
    // Two values, plain: the header of a page of 8 bytes, and the values 1 and 2.
    let page: [UInt8] = [0x15, 0, 0x15, 16, 0x15, 16, 0x2C, 0x15, 4, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0]
    let values: [UInt8] = [1, 0, 0, 0, 2, 0, 0, 0]
    let size = UInt64(page.count + values.count)
    #expect(try read(file(rows: 2, values: 2, size: size, page: page + values)) == 2)
    for (rows, count) in [(3, 2), (2, 3), (1 << 40, 1 << 40), (1 << 62, 1 << 62), (1, 2)] as [(UInt64, UInt64)] {
      #expect(try read(file(rows: rows, values: count, size: size, page: page + values)) == nil)
    }
    #expect(try read(file(rows: 2, values: 2, size: 1 << 40, page: page + values)) == nil)
    // A page that unpacks to a gigabyte, in a codec that makes that of nothing.
    let large: [UInt8] = [
      0x15, 0, 0x15, 0x80, 0x80, 0x80, 0x80, 0x08, 0x15, 16, 0x2C, 0x15, 4, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0,
    ]
    #expect(try read(file(rows: 2, values: 2, size: UInt64(large.count + 8), page: large + values)) == nil)
  }
}
