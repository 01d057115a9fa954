import CKernels
import Testing

/// Dense matrices of bytes: what is written, and products with activations of 16 bits.
@Suite("Byte matrices")
struct ByteMatrixTests {
  @Test(
    "Values come back within three quarters of a unit; a block with no number has no scale",
    arguments: KernelVariant.all)
  func rows(variant: KernelVariant) {
    withArena { arena in
      var generator = SeededGenerator(state: 3)
      var values = generator.floats(5 * 64, in: -2...2)
      for c in 64..<128 { values[c] = 0 }
      for c in 128..<192 { values[c] *= 1e-4 }
      values[200] = .nan
      values[300] = -.infinity
      let bytes = arena.place([UInt8](repeating: 0, count: values.count), offset: 1)
      let scales = arena.place([UInt16](repeating: 0, count: 5), offset: 1)
      variant.kernels.byte_row(arena.place(values, offset: 1), 5, bytes, scales)
      let units = arena.place([Float](repeating: 0, count: 5))
      variant.kernels.bf16_to_f32(scales, units, 5)
      for c in 0..<192 {
        let unit = units[c / 64]
        #expect(abs(Float(Int(bytes[c]) - 128) * unit - values[c]) <= 0.76 * unit)
      }
      #expect(units[1] == 0 && units[2] < 3e-6)
      #expect(units[3].isNaN && units[4].isNaN)
      #expect((192..<320).allSatisfy { bytes[$0] != 128 })
    }
  }

  @Test(
    "Products are those of the stored integers, for any rows, with or without high digits", arguments: KernelVariant.all
  )
  func products(variant: KernelVariant) {
    for (rows, columns) in [(1, 1), (7, 64), (13, 200), (6, 1100)] {
      for largeValue in [Float(0), 4] {
        withArena { arena in
          var generator = SeededGenerator(state: UInt64(rows))
          let blocks = (columns + 63) / 64
          let bytes = arena.place(generator.bytes(rows * blocks * 64), offset: 1)
          let scaleValues = generator.floats(rows * blocks, in: 0.01...2)
          let scales = arena.place([UInt16](repeating: 0, count: rows * blocks + 16), offset: 1)
          variant.kernels.f32_to_bf16(arena.place(scaleValues), scales, rows * blocks)
          let units = arena.place(scaleValues)
          variant.kernels.bf16_to_f32(scales, units, rows * blocks)
          var values = generator.floats(columns, in: -1...1)
          values[columns / 2] = 30
          let digits = [Int8](repeating: 3, count: blocks * 64)
          var split = ck_split_activation(
            values: arena.place(values), low: arena.place(digits, offset: 1), high: arena.place(digits, offset: 3),
            large_blocks: arena.place([UInt16](repeating: 0, count: blocks)), blocks: blocks, large: 0, scale: 0,
            sum_low: 0, sum_high: 0)
          variant.kernels.split_activation(arena.place(values, offset: 1), columns, largeValue, &split)
          let large = (0..<split.large).map { Int(split.large_blocks[$0]) }
          var matrix = ck_byte_matrix(bytes: bytes, scales: scales, blocks: blocks)
          let whole = arena.place([Float](repeating: 9, count: rows), offset: 1)
          variant.kernels.gemv_bytes(&matrix, 0, rows, &split, whole)
          for r in 0..<rows {
            var (exact, magnitude) = (0.0, 0.0)
            for c in 0..<(blocks * 64) {
              let digit = Int(split.low[c]) + (large.contains(c / 64) ? 256 * Int(split.high[c]) : 0)
              let product =
                Double(split.scale * units[r * blocks + c / 64])
                * Double(digit * (Int(bytes[r * blocks * 64 + c]) - 128))
              exact += product
              magnitude += abs(product)
            }
            #expect(abs(Double(whole[r]) - exact) <= 1e-6 * magnitude)
          }
          let part = arena.place([Float](repeating: 9, count: rows))
          variant.kernels.gemv_bytes(&matrix, rows / 2, rows, &split, part)
          #expect(part.values(rows - rows / 2) == Array(whole.values(rows)[(rows / 2)...]))
        }
      }
    }
  }
}
