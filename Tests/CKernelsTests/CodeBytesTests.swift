import CKernels
import Testing

/// Products with packed codes of large codebooks as bytes, against sums of the same integers in Int.
@Suite("Code bytes")
struct CodeBytesTests {
  struct Shape: Sendable {
    let vectorLength: Int
    let mainBits: Int
    let residualBits: Int
    let columns: Int
  }

  static let shapes: [Shape] = [
    (1, 9, 0, 64), (3, 10, 0, 300), (6, 12, 0, 576), (8, 12, 0, 1), (8, 12, 8, 257), (8, 16, 0, 300), (8, 16, 16, 70),
    (9, 9, 3, 513), (12, 12, 12, 128), (16, 16, 0, 600), (16, 13, 5, 255),
  ].map { Shape(vectorLength: $0.0, mainBits: $0.1, residualBits: $0.2, columns: $0.3) }

  /// Activations: small, with some large blocks, and of 16 bits throughout and so many that sums do not fit 32 bits.
  enum Activation: CaseIterable { case small, spiked, wide }

  @Test("Sums of integers are exact up to the rounding of the last steps", arguments: KernelVariant.all)
  func products(variant: KernelVariant) {
    for (number, shape) in Self.shapes.enumerated() {
      for activation in Activation.allCases where activation != .wide || number % 4 == 0 {
        withArena { arena in
          let rows = 5
          let columns = activation == .wide ? 2000 : shape.columns
          let fixture = BytesFixture(shape, rows: rows, columns: columns, seed: UInt64(number), arena)
          let split = split(columns: columns, activation, variant, arena)
          #expect((split.is_narrow == 0) == (activation == .wide))
          let y = arena.place([Float](repeating: 2, count: rows * shape.vectorLength + 1), offset: 1)
          withUnsafePointer(to: split) { variant.kernels.vq_bytes(fixture.view, 0, rows, $0, y) }
          let large = Set((0..<split.large).map { Int(split.large_blocks[$0]) })
          for n in 0..<rows {
            for e in 0..<shape.vectorLength {
              var (exact, magnitude) = (2.0, 2.0)
              for c in 0..<columns {
                let whole = Int(split.low[c]) + (large.contains(c / 64) ? 256 * Int(split.high[c]) : 0)
                let stages = 0.25 * Double(fixture.main(n, c, e)) + 0.125 * Double(fixture.residual(n, c, e))
                exact += Double(split.scale) * Double(whole) * stages
                magnitude += abs(Double(split.scale) * Double(whole)) * 48
              }
              exact += fixture.escaped(n, e, split.values)
              magnitude += 150
              let difference = abs(Double(y[n * shape.vectorLength + e]) - exact)
              #expect(difference <= 0x1p-20 * magnitude, "\(shape), \(activation), row \(n), element \(e)")
            }
          }
          #expect(y[rows * shape.vectorLength] == 2)
          // Any split of the rows gives the same.
          let parts = arena.place([Float](repeating: 2, count: rows * shape.vectorLength))
          withUnsafePointer(to: split) { split in
            variant.kernels.vq_bytes(fixture.view, 0, 3, split, parts)
            variant.kernels.vq_bytes(fixture.view, 3, rows, split, parts + 3 * shape.vectorLength)
          }
          #expect(parts.values(rows * shape.vectorLength) == y.values(rows * shape.vectorLength))
        }
      }
    }
  }

  private func split(
    columns: Int, _ activation: Activation, _ variant: KernelVariant, _ arena: Arena
  ) -> ck_split_activation {
    let blocks = (columns + 63) / 64
    var generator = SeededGenerator(state: UInt64(columns))
    var x = generator.floats(columns, in: -1...1)
    if activation == .spiked { for c in stride(from: 0, to: columns, by: 150) { x[c] = 25 } }
    if activation == .wide { x = x.map { $0 < 0 ? -1 : 1 } }
    let digits = [Int8](repeating: 7, count: 64 * blocks)
    var split = ck_split_activation(
      values: arena.place(x), low: arena.place(digits, offset: 1), high: arena.place(digits, offset: 3),
      large_blocks: arena.place([UInt16](repeating: 0, count: blocks)), high_eights: nil, blocks: blocks, large: 0,
      eights: 0, scale: 0,
      sum_low: 0, sum_high: 0, is_narrow: 0)
    variant.kernels.split_activation(split.values, columns, activation == .wide ? 0 : CK_LARGE_VALUE, &split)
    return split
  }
}

/// Packed random codes with random tables.
private struct BytesFixture {
  let view: UnsafePointer<ck_vq_bytes>
  private let codes: [UInt64]
  private let shape: CodeBytesTests.Shape
  private let columns: Int
  private let tables: [[UInt8]]
  private let escapes: [[(column: Int, entry: Int)]]
  private let escapeValues: [Float]
  private var width: Int { shape.vectorLength > 8 ? 16 : 8 }

  init(_ shape: CodeBytesTests.Shape, rows: Int, columns: Int, seed: UInt64, _ arena: Arena) {
    self.shape = shape
    self.columns = columns
    var generator = SeededGenerator(state: seed)
    let bits = shape.mainBits + shape.residualBits
    let codes = (0..<(rows * columns)).map { _ in UInt64.random(in: 0..<(1 << UInt64(bits)), using: &generator) }
    self.codes = codes
    let stride = (columns * bits + 31) / 32 * 4
    var packed = [UInt8](repeating: 0, count: rows * stride)
    for n in 0..<rows {
      for c in 0..<columns {
        for bit in 0..<bits where codes[n * columns + c] >> UInt64(bit) & 1 == 1 {
          let at = c * bits + bit
          packed[n * stride + at / 8] |= 1 << UInt8(at % 8)
        }
      }
    }
    let width = shape.vectorLength > 8 ? 16 : 8
    let hasResidual = shape.residualBits > 0
    tables = [shape.mainBits, shape.residualBits].prefix(hasResidual ? 2 : 1).map { bits in
      generator.bytes(width << bits).map { max(1, $0) }
    }
    escapes = (0..<rows).map { n in (0..<(n % 7)).map { (Int.random(in: 0..<columns, using: &generator), $0 % 4) } }
    escapeValues = generator.floats(4 * shape.vectorLength, in: -50...50)
    let stored = arena.place(escapes: escapes, values: escapeValues, vectorLength: shape.vectorLength)
    let matrix = arena.place([UInt8](repeating: 0, count: MemoryLayout<ck_vq_bytes>.size))
    let pointer = UnsafeMutableRawPointer(matrix).bindMemory(to: ck_vq_bytes.self, capacity: 1)
    pointer.initialize(
      to: ck_vq_bytes(
        codes: arena.place(packed, offset: 1, slack: 16), row_stride: stride, columns: columns, code_bits: UInt32(bits),
        main_bits: UInt32(shape.mainBits), vector_length: UInt32(shape.vectorLength),
        main: arena.place(tables[0], offset: 3),
        residual: hasResidual ? UnsafePointer(arena.place(tables[1], offset: 5)) : nil, main_scale: 0.25,
        residual_scale: 0.125, escapes: stored))
    view = UnsafePointer(pointer)
  }

  func main(_ n: Int, _ c: Int, _ e: Int) -> Int {
    Int(tables[0][Int(codes[n * columns + c] & (1 << UInt64(shape.mainBits) - 1)) * width + e]) - 128
  }

  func residual(_ n: Int, _ c: Int, _ e: Int) -> Int {
    shape.residualBits == 0
      ? 0 : Int(tables[1][Int(codes[n * columns + c] >> UInt64(shape.mainBits)) * width + e]) - 128
  }

  /// What the escapes of a row add to one of its outputs.
  func escaped(_ n: Int, _ e: Int, _ x: UnsafePointer<Float>) -> Double {
    escapes[n].reduce(0) { $0 + Double(x[$1.column]) * Double(escapeValues[$1.entry * shape.vectorLength + e]) }
  }
}
