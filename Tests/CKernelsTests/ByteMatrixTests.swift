import CKernels
import Testing

/// Dense matrices of bytes: what is written, and products with activations of 16 bits.
@Suite("Byte matrices")
struct ByteMatrixTests {
  @Test(
    "Values come back within half a unit; a row with no number has no scale",
    arguments: KernelVariant.all)
  func rows(variant: KernelVariant) {
    withArena { arena in
      var generator = SeededGenerator(state: 3)
      let eights = 37
      let bytes = arena.place([UInt8](repeating: 0, count: 64 * eights), offset: 1)
      for magnitude in [Float(2), 0, 1e-4, 1e-37, 1e38] {
        let values = generator.floats(8 * eights, in: -1...1).map { $0 * magnitude }
        let unit = variant.kernels.byte_row(arena.place(values, offset: 1), eights, bytes)
        #expect(unit == (values.map(abs).max() ?? 0) / 127)
        // The least units have no reciprocal.
        let isUsed = unit > 1e-37
        for c in values.indices {
          let byte = bytes[64 * (c / 8) + c % 8]
          let error = abs(Float(Int(byte) - 128) * unit - values[c])
          #expect(isUsed ? error <= 0.501 * unit : byte == 128)
          // The other rows of the band are left alone.
          #expect((1..<8).allSatisfy { bytes[64 * (c / 8) + 8 * $0 + c % 8] == 0 })
        }
      }
      for bad in [Float.nan, -.infinity, .infinity] {
        var values = generator.floats(8 * eights, in: -1...1)
        values[200] = bad
        #expect(variant.kernels.byte_row(arena.place(values, offset: 1), eights, bytes).isNaN)
      }
    }
  }

  @Test(
    "Products are those of the stored integers, for any rows, with or without high digits", arguments: KernelVariant.all
  )
  func products(variant: KernelVariant) {
    for (rows, columns) in [(1, 1), (7, 64), (13, 200), (40, 70), (27, 130), (6, 1100)] {
      for largeValue in [Float(0), 4] {
        withArena { arena in
          var generator = SeededGenerator(state: UInt64(rows))
          let (eights, blocks) = ((columns + 7) / 8, (columns + 63) / 64)
          let bytes = arena.place(generator.bytes((rows + 7) / 8 * eights * 64), offset: 1)
          let units = generator.floats(rows, in: 0.01...2)
          var values = generator.floats(columns, in: -1...1)
          values[columns / 2] = 30
          let digits = [Int8](repeating: 3, count: blocks * 64)
          var split = ck_split_activation(
            values: arena.place(values), low: arena.place(digits, offset: 1), high: arena.place(digits, offset: 3),
            large_blocks: arena.place([UInt16](repeating: 0, count: blocks)), high_eights: nil, blocks: blocks,
            large: 0, eights: 0, scale: 0,
            sum_low: 0, sum_high: 0, is_narrow: 0)
          variant.kernels.split_activation(arena.place(values, offset: 1), columns, largeValue, &split)
          let large = (0..<split.large).map { Int(split.large_blocks[$0]) }
          // What several activations share needs the high digits of all blocks.
          if largeValue == 0 { #expect(large == Array(0..<blocks)) }
          var matrix = ck_byte_matrix(bytes: bytes, scales: arena.place(units), eights: eights)
          let whole = arena.place([Float](repeating: 9, count: rows), offset: 1)
          variant.kernels.gemv_bytes(&matrix, 0, rows, &split, 1, whole, rows)
          for r in 0..<rows {
            var (exact, magnitude) = (0.0, 0.0)
            for c in 0..<(eights * 8) {
              let digit = Int(split.low[c]) + (large.contains(c / 64) ? 256 * Int(split.high[c]) : 0)
              let product =
                Double(split.scale * units[r])
                * Double(digit * (Int(bytes[64 * (r / 8 * eights + c / 8) + 8 * (r % 8) + c % 8]) - 128))
              exact += product
              magnitude += abs(product)
            }
            #expect(abs(Double(whole[r]) - exact) <= 1e-6 * magnitude)
          }
          // From the last band on.
          let part = arena.place([Float](repeating: 9, count: rows))
          let first = (rows - 1) / 8 * 8
          variant.kernels.gemv_bytes(&matrix, first, rows, &split, 1, part, rows)
          #expect(part.values(rows - first) == Array(whole.values(rows)[first...]))
          // Several activations, of which one has no high digits.
          var flat = split
          flat.large = 0
          flat.sum_high = 0
          let several = [split, split, flat, split, split, split, split, split]
          let outputs = arena.place([Float](repeating: 9, count: several.count * (rows + 2)), offset: 1)
          variant.kernels.gemv_bytes(&matrix, 0, rows, several, several.count, outputs, rows + 2)
          for (token, own) in several.enumerated() {
            let alone = arena.place([Float](repeating: 9, count: rows))
            variant.kernels.gemv_bytes(&matrix, 0, rows, [own], 1, alone, rows)
            #expect(
              Array(outputs.values(several.count * (rows + 2))[(token * (rows + 2))...].prefix(rows))
                == alone.values(rows))
            #expect(outputs[token * (rows + 2) + rows] == 9)
          }
        }
      }
    }
  }
}
