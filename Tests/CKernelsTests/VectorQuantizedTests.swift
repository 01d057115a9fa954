import CKernels
import Testing

/// `width` (1...32) bits of a stream that fills each byte from its least significant bit.
func bitField(of bytes: [UInt8], at position: Int, width: Int) -> UInt32 {
  let first = position / 8
  let last = (position + width - 1) / 8
  let window = bytes[first...last].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
  return UInt32(window >> UInt64(position % 8) & (1 << UInt64(width) - 1))
}

/// A random vector-quantized matrix and, decoded by the definition of the format, its values.
struct QuantizedMatrix {
  var vectorRows: Int
  var columns: Int
  var vectorLength: Int
  var mainBits: Int
  var residualBits: Int
  let codes: [UInt8]
  let rowStride: Int
  let table: [Float]
  let residual: [Float]

  init(
    vectorRows: Int, columns: Int, vectorLength: Int, mainBits: Int, residualBits: Int,
    using generator: inout SeededGenerator
  ) {
    (self.vectorRows, self.columns, self.vectorLength) = (vectorRows, columns, vectorLength)
    (self.mainBits, self.residualBits) = (mainBits, residualBits)
    rowStride = (columns * (mainBits + residualBits) + 31) / 32 * 4 + 1
    codes = generator.bytes(vectorRows * rowStride)
    let stride = (vectorLength + 3) / 4 * 4
    func codebook(_ bits: Int, _ generator: inout SeededGenerator) -> [Float] {
      (0..<(1 << bits)).flatMap { _ in
        generator.floats(vectorLength) + [Float](repeating: 0, count: stride - vectorLength)
      }
    }
    table = codebook(mainBits, &generator)
    residual = residualBits == 0 ? [] : codebook(residualBits, &generator)
  }

  var tableStride: Int { (vectorLength + 3) / 4 * 4 }

  /// The code of one column.
  func code(_ row: Int, _ column: Int) -> Int {
    let bits = mainBits + residualBits
    return Int(bitField(of: codes, at: row * rowStride * 8 + column * bits, width: bits))
  }

  /// The vector of one column: main centroid and, in a two-stage matrix, residual centroid added in float32.
  func vector(_ row: Int, _ column: Int) -> [Float] {
    let code = code(row, column)
    let main = code & (1 << mainBits - 1)
    return (0..<vectorLength).map { entry in
      let value = table[main * tableStride + entry]
      return residual.isEmpty ? value : value + residual[(code >> mainBits) * tableStride + entry]
    }
  }

  /// The matrix as the kernels read it; codes start one byte off their alignment.
  func placed(in arena: Arena) -> ck_vq_matrix {
    ck_vq_matrix(
      codes: arena.place(codes, offset: 1, slack: 16), row_stride: rowStride, columns: columns,
      code_bits: UInt32(mainBits + residualBits), main_bits: UInt32(mainBits), vector_length: UInt32(vectorLength),
      table_stride: UInt32(tableStride), table: arena.place(table, offset: 1),
      residual_table: residual.isEmpty ? nil : UnsafePointer(arena.place(residual, offset: 1)))
  }
}

@Suite("Vector-quantized products")
struct VectorQuantizedTests {
  /// Main and residual bits of the codes to try: one and two stages, narrow, byte-sized and odd ones, and one of those
  /// with large codebooks.
  static func widths(for vectorLength: Int) -> [(main: Int, residual: Int)] {
    [(1, 0), (3, 0), (8, 0), (5, 3), (8, 8), (7, 4), [(12, 0), (9, 12), (13, 0), (13, 13)][vectorLength % 4]]
  }

  @Test("unpack_codes reads every width at every bit", arguments: KernelVariant.all)
  func unpack(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 6)
    let bytes = generator.bytes(4 * 257 + 16)
    withArena { arena in
      let codes = arena.place(bytes, offset: 1)
      for width in 1...32 {
        for (firstBit, count) in [0, 1, 5, 7, 8, 11, 31, 64].flatMap({ bit in
          [1, 7, 8, 9, 16, 33, 100, 230].map { (bit, $0) }
        }) {
          let target = arena.place([UInt32](repeating: 9, count: count + 1), offset: 1)
          variant.kernels.unpack_codes(codes, firstBit, UInt32(width), count, target)
          let expected = (0..<count).map { bitField(of: bytes, at: firstBit + $0 * width, width: width) }
          #expect(target.values(count) == expected && target[count] == 9, "\(width) bits from \(firstBit), \(count)")
        }
      }
    }
  }

  @Test("vq_gemv adds the product with the decoded matrix", arguments: KernelVariant.all)
  func matrixVector(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 7)
    for vectorLength in 1...20 {
      for (index, bits) in Self.widths(for: vectorLength).enumerated() {
        let columns = oddSizes[(vectorLength + index) % oddSizes.count]
        let matrix = QuantizedMatrix(
          vectorRows: 6, columns: columns, vectorLength: vectorLength, mainBits: bits.main, residualBits: bits.residual,
          using: &generator)
        let x = generator.floats(columns)
        withArena { arena in
          var placed = matrix.placed(in: arena)
          let before = generator.floats(5 * vectorLength + 1)
          let y = arena.place(before, offset: 1)
          variant.kernels.vq_gemv(&placed, 1, 6, arena.place(x, offset: 1), y)
          let expected = (0..<(5 * vectorLength)).map { index in
            var sum = ReferenceSum()
            sum.add(Double(before[index]))
            for column in 0..<columns {
              let code = matrix.code(1 + index / vectorLength, column)
              let entry = index % vectorLength
              let main = matrix.table[(code & (1 << bits.main - 1)) * matrix.tableStride + entry]
              sum.add(Double(x[column]) * Double(main))
              guard bits.residual > 0 else { continue }
              sum.add(Double(x[column]) * Double(matrix.residual[(code >> bits.main) * matrix.tableStride + entry]))
            }
            return sum
          }
          #expect(refused(y.values(expected.count), by: expected) == [], "v \(vectorLength), \(bits), \(columns)")
          #expect(y[expected.count] == before[expected.count])
        }
      }
    }
  }

  @Test("vq_panel decodes any window of outputs and columns", arguments: KernelVariant.all)
  func panel(_ variant: KernelVariant) {
    let panelWidth = Int(CK_PANEL)
    var generator = SeededGenerator(state: 8)
    for vectorLength in 1...20 {
      for (index, bits) in Self.widths(for: vectorLength).enumerated() {
        let matrix = QuantizedMatrix(
          vectorRows: 40, columns: 101, vectorLength: vectorLength, mainBits: bits.main, residualBits: bits.residual,
          using: &generator)
        let skip = index % vectorLength
        let rows = [32, 32, 32, 17, 5, 31][(index + vectorLength) % 6]
        let (c0, c1) = [(0, 101), (3, 70), (8, 9), (37, 101)][index % 4]
        let last = 2 + (skip + rows + vectorLength - 1) / vectorLength
        withArena { arena in
          var placed = matrix.placed(in: arena)
          let count = (c1 - c0) * panelWidth
          let panel = arena.place([Float](repeating: 9, count: count + 1), offset: 1)
          variant.kernels.vq_panel(&placed, 2, last, skip, rows, c0, c1, panel)
          let expected = (c0..<c1).flatMap { column in
            let outputs = (2..<last).flatMap { matrix.vector($0, column) }.dropFirst(skip).prefix(rows)
            return outputs + [Float](repeating: 0, count: panelWidth - rows)
          }
          #expect(panel.values(count) == expected && panel[count] == 9, "v \(vectorLength), \(bits), \(rows), \(skip)")
        }
      }
    }
  }
}
