import CKernels
import Testing

/// The integer products against sums of the same integers in Int64, and the splitting of activations.
@Suite("Code planes")
struct CodePlanesTests {
  struct Shape: Sendable {
    let vectorLength: Int
    let mainCount: Int
    let residualCount: Int
    let columns: Int
    var padded: Int { (columns + 63) / 64 * 64 }
  }

  static let shapes: [Shape] = [1, 2, 3, 4, 5, 8, 12, 16].flatMap { vectorLength in
    [(16, 0), (64, 0), (256, 0), (64, 16), (256, 4), (256, 16), (256, 64), (256, 256)].map { main, residual in
      Shape(
        vectorLength: vectorLength, mainCount: main, residualCount: residual,
        columns: [1, 64, 100, 300][vectorLength % 4])
    }
  }

  @Test("Sums of integers are exact up to the rounding of the last steps", arguments: KernelVariant.all)
  func products(variant: KernelVariant) {
    for shape in Self.shapes {
      withArena { arena in
        let rows = 19
        let fixture = PlanesFixture(shape, rows: rows, arena)
        var generator = SeededGenerator(state: UInt64(shape.vectorLength * 1000 + shape.mainCount))
        let (high, low) = (
          arena.place(generator.bytes(shape.padded), offset: 1), arena.place(generator.bytes(shape.padded), offset: 3)
        )
        let y = arena.place([Float](repeating: 2, count: rows * shape.vectorLength), offset: 1)
        withUnsafePointer(to: fixture.planes) { variant.kernels.vq_planes($0, 0, rows, high, low, 0.5, y) }
        for n in 0..<rows {
          for e in 0..<shape.vectorLength {
            var (main, residual, magnitude) = (0, 0, 0.0)
            for c in 0..<shape.padded {
              let x = Int(high[c]) * 256 + Int(low[c]) - 32768
              main += x * fixture.main(n, c, e)
              residual += x * fixture.residual(n, c, e)
              magnitude +=
                32768.0 * (Double(abs(fixture.main(n, c, e))) * 0.25 + Double(abs(fixture.residual(n, c, e))) * 0.125)
            }
            let exact = 2 + 0.5 * (0.25 * Double(main) + 0.125 * Double(residual))
            let difference = abs(Double(y[n * shape.vectorLength + e]) - exact)
            #expect(difference <= 0x1p-20 * magnitude + 1e-6, "\(shape), row \(n), element \(e)")
          }
        }
      }
    }
  }

  @Test("Rows give the same result in any split", arguments: KernelVariant.all)
  func splits(variant: KernelVariant) {
    for shape in Self.shapes where shape.vectorLength % 4 != 1 {
      withArena { arena in
        let rows = 37
        let fixture = PlanesFixture(shape, rows: rows, arena)
        var generator = SeededGenerator(state: 5)
        let (high, low) = (arena.place(generator.bytes(shape.padded)), arena.place(generator.bytes(shape.padded)))
        func run(_ ranges: [Range<Int>]) -> [Float] {
          ranges.flatMap { range in
            let y = arena.place([Float](repeating: 0, count: range.count * shape.vectorLength))
            withUnsafePointer(to: fixture.planes) {
              variant.kernels.vq_planes($0, range.lowerBound, range.upperBound, high, low, 0.01, y)
            }
            return y.values(range.count * shape.vectorLength)
          }
        }
        let whole = run([0..<37])
        #expect(whole == run([0..<1, 1..<18, 18..<37]))
        #expect(whole == run((0..<37).map { $0..<($0 + 1) }))
      }
    }
  }

  @Test("A split activation is within half a unit, its padding is zero", arguments: KernelVariant.all)
  func splitActivation(variant: KernelVariant) {
    for count in oddSizes {
      withArena { arena in
        var generator = SeededGenerator(state: UInt64(count))
        let x = arena.place(generator.floats(count, in: -3...3), offset: 1)
        let padded = (count + 63) / 64 * 64
        let bytes = [UInt8](repeating: 7, count: padded)
        let (high, low) = (arena.place(bytes, offset: 1), arena.place(bytes, offset: 1))
        let scale = variant.kernels.split_activation(x, count, padded, high, low)
        let largest = x.values(count).reduce(0) { max($0, abs($1)) }
        #expect(abs(scale - largest / 32767) <= 1e-6 * scale)
        for i in 0..<padded {
          let value = Float(Int(high[i]) * 256 + Int(low[i]) - 32768) * scale
          #expect(abs(value - (i < count ? x[i] : 0)) <= 0.51 * scale)
        }
      }
    }
  }

  @Test("Zeros stay zeros; values that are not finite give a scale that is none", arguments: KernelVariant.all)
  func extremes(variant: KernelVariant) {
    withArena { arena in
      let bytes = [UInt8](repeating: 0, count: 64)
      let (high, low) = (arena.place(bytes), arena.place(bytes))
      #expect(variant.kernels.split_activation(arena.place([Float](repeating: 0, count: 5)), 5, 64, high, low) == 0)
      #expect(high.values(64) == [UInt8](repeating: 128, count: 64))
      for value in [Float.nan, .infinity, -.infinity] {
        #expect(variant.kernels.split_activation(arena.place([1, value, 2]), 3, 64, high, low).isNaN)
      }
    }
  }
}

/// A matrix of planes with random codes and tables.
private struct PlanesFixture {
  let planes: ck_vq_planes
  private let codes: [UInt8]
  private let residualCodes: [UInt8]
  private let mainTable: [Int8]
  private let residualTable: [Int8]
  private let padded: Int

  init(_ shape: CodePlanesTests.Shape, rows: Int, _ arena: Arena) {
    var generator = SeededGenerator(state: UInt64(shape.mainCount * 7 + shape.residualCount))
    padded = shape.padded
    codes = (0..<(rows * padded)).map { _ in UInt8.random(in: 0...UInt8(shape.mainCount - 1), using: &generator) }
    let hasResidual = shape.residualCount > 0
    residualCodes = (0..<(rows * padded)).map { _ in
      hasResidual ? UInt8.random(in: 0...UInt8(shape.residualCount - 1), using: &generator) : 0
    }
    func table() -> [Int8] {
      (0..<(shape.vectorLength * 256)).map { _ in Int8.random(in: -127...127, using: &generator) }
    }
    mainTable = table()
    residualTable = hasResidual ? table() : []
    let isNibbles = hasResidual && shape.residualCount <= 16
    var bytes: [UInt8] = []
    var sums: [Int32] = []
    for n in 0..<rows {
      let line = residualCodes[(n * padded)..<((n + 1) * padded)].map(\.self)
      bytes += codes[(n * padded)..<((n + 1) * padded)]
      if isNibbles {
        for block in stride(from: 0, to: padded, by: 64) {
          bytes += (0..<32).map { line[block + $0] | line[block + 32 + $0] << 4 }
        }
      } else if hasResidual {
        bytes += line
      }
      for e in 0..<shape.vectorLength {
        var (main, residual): (Int32, Int32) = (0, 0)
        for c in 0..<padded {
          main += Int32(mainTable[e * 256 + Int(codes[n * padded + c])])
          if hasResidual { residual += Int32(residualTable[e * 256 + Int(line[c])]) }
        }
        sums += [main, residual]
      }
    }
    planes = ck_vq_planes(
      codes: arena.place(bytes, offset: 1), row_stride: bytes.count / rows, columns: padded,
      vector_length: UInt32(shape.vectorLength), main_count: UInt32(shape.mainCount),
      residual_nibbles: isNibbles ? 1 : 0, main_table: arena.place(mainTable),
      residual_table: hasResidual ? UnsafePointer(arena.place(residualTable)) : nil, row_sums: arena.place(sums),
      main_scale: 0.25, residual_scale: 0.125)
  }

  func main(_ n: Int, _ c: Int, _ e: Int) -> Int { Int(mainTable[e * 256 + Int(codes[n * padded + c])]) }

  func residual(_ n: Int, _ c: Int, _ e: Int) -> Int {
    residualTable.isEmpty ? 0 : Int(residualTable[e * 256 + Int(residualCodes[n * padded + c])])
  }
}
