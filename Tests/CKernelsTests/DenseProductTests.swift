import CKernels
import Testing

@Suite("Dense products")
struct DenseProductTests {
  static let storages = [CK_F32, CK_F16, CK_BF16]

  /// `values` as stored numbers that start one element off their alignment, and what they stand for.
  static func store(
    _ values: [Float], as storage: ck_storage, in arena: Arena
  ) -> (pointer: UnsafeMutableRawPointer, values: [Float]) {
    guard storage != CK_F32 else { return (UnsafeMutableRawPointer(arena.place(values, offset: 1)), values) }
    // bfloat16 patterns of small numbers; read as binary16 they are finite too.
    let bits = values.map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) & 0xBFFF }
    let stood = bits.map {
      storage == CK_F16 ? ConversionTests.halfValue($0) : Float(bitPattern: UInt32($0) << 16)
    }
    return (UnsafeMutableRawPointer(arena.place(bits, offset: 1)), stood)
  }

  @Test("gemv is the sum of products", arguments: KernelVariant.all)
  func matrixVector(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 2)
    for storage in Self.storages {
      for (rows, columns) in [(1, 0)] + oddSizes.map({ (9 - $0 % 4, $0) }) {
        withArena { arena in
          let w = Self.store(generator.floats(rows * columns), as: storage, in: arena)
          let x = generator.floats(columns)
          let y = arena.place([Float](repeating: 9, count: rows + 1), offset: 1)
          variant.kernels.gemv(w.pointer, storage, rows, columns, arena.place(x, offset: 1), y)
          let expected = (0..<rows).map { row in
            (0..<columns).reduce(into: ReferenceSum()) { sum, column in
              sum.add(Double(w.values[row * columns + column]) * Double(x[column]))
            }
          }
          #expect(refused(y.values(rows), by: expected) == [], "\(storage) \(rows) x \(columns)")
          #expect(y[rows] == 9)
        }
      }
    }
  }

  @Test("pack_panel transposes and fills with zeros", arguments: KernelVariant.all)
  func pack(_ variant: KernelVariant) {
    let panelWidth = Int(CK_PANEL)
    var generator = SeededGenerator(state: 3)
    for storage in Self.storages {
      for (rows, columns) in zip([1, 2, 15, 16, 17, 31, 32, 32, 32, 5, 32, 8], oddSizes) {
        withArena { arena in
          let stride = columns + 3
          let w = Self.store(generator.floats(rows * stride), as: storage, in: arena)
          let panel = arena.place([Float](repeating: 9, count: columns * panelWidth + 1), offset: 1)
          variant.kernels.pack_panel(w.pointer, storage, stride, rows, columns, panel)
          let expected = (0..<(columns * panelWidth)).map { index in
            let (column, row) = index.quotientAndRemainder(dividingBy: panelWidth)
            return row < rows ? w.values[row * stride + column] : 0
          }
          #expect(panel.values(expected.count) == expected, "\(storage) \(rows) x \(columns)")
          #expect(panel[expected.count] == 9)
        }
      }
    }
  }

  @Test("gemm_panel is the sum of products, added to y on demand", arguments: KernelVariant.all)
  func matrixMatrix(_ variant: KernelVariant) {
    let panelWidth = Int(CK_PANEL)
    var generator = SeededGenerator(state: 4)
    for (tokens, rows, columns) in zip3([0, 1, 2, 3, 4, 7, 12, 13, 25, 33, 11, 5], oddSizes) {
      for accumulate in [false, true] {
        withArena { arena in
          let (xStride, yStride) = (columns + 2, rows + 3)
          let x = generator.floats(tokens * xStride)
          let panel = generator.floats(columns * panelWidth)
          let before = generator.floats(tokens * yStride)
          let y = arena.place(before, offset: 1)
          variant.kernels.gemm_panel(
            arena.place(x, offset: 1), xStride, tokens, arena.place(panel, offset: 1), columns, y, yStride, rows,
            accumulate ? 1 : 0)
          for token in 0..<tokens {
            let expected = (0..<rows).map { row in
              var sum = ReferenceSum()
              if accumulate { sum.add(Double(before[token * yStride + row])) }
              for k in 0..<columns { sum.add(Double(x[token * xStride + k]) * Double(panel[k * panelWidth + row])) }
              return sum
            }
            let line = (y + token * yStride).values(yStride)
            #expect(refused(Array(line.prefix(rows)), by: expected) == [], "\(tokens), \(rows), \(columns)")
            #expect(line.suffix(3) == before[(token * yStride + rows)..<((token + 1) * yStride)])
          }
        }
      }
    }
  }

  /// Token counts with row counts that differ and column counts.
  private func zip3(_ tokens: [Int], _ columns: [Int]) -> [(Int, Int, Int)] {
    zip(tokens, columns).enumerated().map { ($1.0, [32, 17, 1, 31, 16, 32][$0 % 6], $1.1) }
  }

  @Test("dot and axpy", arguments: KernelVariant.all)
  func dotAndAxpy(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 5)
    for count in [0] + oddSizes {
      withArena { arena in
        let (a, b) = (generator.floats(count), generator.floats(count))
        let sum = zip(a, b).reduce(into: ReferenceSum()) { $0.add(Double($1.0) * Double($1.1)) }
        let y = arena.place(b + [9], offset: 1)
        let x = arena.place(a, offset: 1)
        #expect(sum.accepts(variant.kernels.dot(x, y, count)), "\(count)")
        variant.kernels.axpy(0.3, x, y, count)
        let expected = zip(a, b).map { a, b in
          var sum = ReferenceSum()
          sum.add(Double(b))
          sum.add(Double(Float(0.3)) * Double(a))
          return sum
        }
        #expect(refused(y.values(count), by: expected) == [] && y[count] == 9, "\(count)")
      }
    }
  }

  @Test("Values are gathered in any order, with and without factors", arguments: KernelVariant.all)
  func gather(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 6)
    for count in [0] + oddSizes {
      withArena { arena in
        let values = generator.floats(2 * count + 1)
        let columns = (0..<count).map { _ in UInt32.random(in: 0...UInt32(2 * count), using: &generator) }
        let factors = generator.floats(count)
        let (x, places) = (arena.place(values, offset: 1), arena.place(columns, offset: 1))
        let y = arena.place([Float](repeating: 9, count: count + 1), offset: 1)
        variant.kernels.gather(x, places, arena.place(factors, offset: 1), count, y)
        #expect(y.values(count) == zip(columns, factors).map { values[Int($0)] * $1 } && y[count] == 9, "\(count)")
        variant.kernels.gather(x, places, nil, count, y)
        #expect(y.values(count) == columns.map { values[Int($0)] } && y[count] == 9, "\(count)")
      }
    }
  }
}
