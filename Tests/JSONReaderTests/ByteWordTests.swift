import Testing

@testable import JSONReader

/// Questions put to eight bytes at once, against the same questions put to each byte.
@Suite struct ByteWordTests {
  @Test("every answer is that of the byte alone, whatever its neighbours")
  func answers() {
    for first in UInt8.min...UInt8.max {
      for second in [0x00, 0x1f, 0x20, 0x21, 0x22, 0x5b, 0x5c, 0x7f, 0x80, 0xff] as [UInt8] {
        let bytes = [first, second, second, first, 0, first, 0xff, second]
        bytes.withUnsafeBufferPointer { buffer in
          let word = ByteWord(buffer, at: 0)
          func answer(_ test: (UInt8) -> Bool) -> UInt64 {
            bytes.enumerated().reduce(0) { $0 | (test($1.element) ? 0x80 : 0) << UInt64(8 * $1.offset) }
          }
          #expect(word.below(0x20) == answer { $0 < 0x20 })
          #expect(word.equal(to: 0x22) == answer { $0 == 0x22 })
          #expect(word.equal(to: 0x5c) == answer { $0 == 0x5c })
          #expect(word.nonASCII == answer { $0 >= 0x80 })
        }
      }
    }
  }
}
