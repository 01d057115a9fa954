import CKernels
import Testing

/// The integer products against sums of the same integers in Int, and the splitting of activations.
@Suite("Code planes")
struct CodePlanesTests {
  struct Shape: Sendable {
    let vectorLength: Int
    let mainCount: Int
    let residualCount: Int
    let columns: Int
    var blocks: Int { (columns + 63) / 64 }
    var padded: Int { blocks * 64 }
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
        let split = SplitFixture(shape, seed: UInt64(shape.vectorLength * 1000 + shape.mainCount), arena)
        let y = arena.place([Float](repeating: 2, count: rows * shape.vectorLength), offset: 1)
        withUnsafePointer(to: fixture.planes) { planes in
          withUnsafePointer(to: split.split) { variant.kernels.vq_planes(planes, 0, rows, $0, y) }
        }
        for n in 0..<rows {
          for e in 0..<shape.vectorLength {
            var (exact, magnitude) = (2.0, 2.0)
            for c in 0..<shape.padded {
              let (high, low, scale) = split.value(c)
              let main = fixture.main(n, c, e), rest = fixture.residual(n, c, e)
              // The product of the two low bytes is left out by definition.
              let mainSum = (256 * high + low) * (main.high - 128) + high * main.low
              let restSum = rest.map { (256 * high + low) * ($0.high - 128) + high * $0.low } ?? 0
              exact += scale * (0.25 * Double(mainSum) + 0.125 * Double(restSum))
              magnitude += scale * 32768 * 128 * 0.375
            }
            let difference = abs(Double(y[n * shape.vectorLength + e]) - exact)
            #expect(difference <= 0x1p-20 * magnitude, "\(shape), row \(n), element \(e)")
          }
        }
      }
    }
  }

  @Test("Rows give the same result in any split", arguments: KernelVariant.all)
  func splits(variant: KernelVariant) {
    for shape in Self.shapes where shape.vectorLength % 4 != 1 {
      withArena { arena in
        let fixture = PlanesFixture(shape, rows: 37, arena)
        let split = SplitFixture(shape, seed: 5, arena)
        func run(_ ranges: [Range<Int>]) -> [Float] {
          ranges.flatMap { range in
            let y = arena.place([Float](repeating: 0, count: range.count * shape.vectorLength))
            withUnsafePointer(to: fixture.planes) { planes in
              withUnsafePointer(to: split.split) {
                variant.kernels.vq_planes(planes, range.lowerBound, range.upperBound, $0, y)
              }
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

  @Test("Several activations together give each what it has alone, to the last bit", arguments: KernelVariant.all)
  func together(variant: KernelVariant) {
    for shape in Self.shapes {
      withArena { arena in
        let rows = 21
        let fixture = PlanesFixture(shape, rows: rows, arena)
        let fixtures = (0..<7).map { SplitFixture(shape, seed: UInt64(31 * $0 + shape.mainCount), arena) }
        // Two places for each, as where a layer has two parts.
        let splits = fixtures.flatMap { [$0.split, $0.split] }
        let count = rows * shape.vectorLength
        withUnsafePointer(to: fixture.planes) { planes in
          let alone = fixtures.map { own -> [Float] in
            let y = arena.place([Float](repeating: 1, count: count), offset: 1)
            withUnsafePointer(to: own.split) { variant.kernels.vq_planes(planes, 0, rows, $0, y) }
            return y.values(count)
          }
          for tokens in 1...7 {
            let y = arena.place([Float](repeating: 1, count: tokens * (count + 3)), offset: 1)
            splits.withUnsafeBufferPointer { splits in
              guard let base = splits.baseAddress else { return }
              variant.kernels.vq_planes_many(planes, 0, rows, base, 2, tokens, y, count + 3)
            }
            let all = y.values(tokens * (count + 3))
            for token in 0..<tokens {
              let start = token * (count + 3)
              #expect(Array(all[start..<(start + count)]) == alone[token], "\(shape), \(token) of \(tokens)")
              #expect(all[(start + count)..<(start + count + 3)].allSatisfy { $0 == 1 })
            }
          }
        }
      }
    }
  }

  @Test("A split activation is within half a unit of its class, its padding zero", arguments: KernelVariant.all)
  func splitActivation(variant: KernelVariant) {
    for count in oddSizes + [640] {
      for hugeAt in [Int?.none, 0, count / 2, count - 1] {
        withArena { arena in
          var generator = SeededGenerator(state: UInt64(count))
          var values = generator.floats(count, in: -3...3)
          if let hugeAt { values[hugeAt] = -3000 }
          let x = arena.place(values, offset: 1)
          let fixture = SplitFixture(columns: count, arena)
          var split = fixture.split
          variant.kernels.split_activation(x, count, &split)
          #expect(fixture.blocks(split).sorted() == Array(0..<split.blocks))
          var sums = [[0, 0], [0, 0]]
          for (position, block) in fixture.blocks(split).enumerated() {
            let group = position < split.large ? 0 : 1
            let scale = group == 0 ? split.scale.0 : split.scale.1
            for c in (64 * block)..<(64 * block + 64) {
              let value = Float(256 * Int(split.high[c]) + Int(split.low[c])) * scale
              #expect(abs(value - (c < count ? x[c] : 0)) <= 0.51 * scale)
              sums[group][0] += Int(split.high[c])
              sums[group][1] += Int(split.low[c])
            }
          }
          #expect(
            sums == [
              [Int(split.sum_high.0), Int(split.sum_low.0)], [Int(split.sum_high.1), Int(split.sum_low.1)],
            ])
          // Only the block of the huge value is coarse: the others keep a unit of at most 3 / 32512.
          if hugeAt != nil {
            #expect(split.large == 1)
            #expect(split.scale.1 <= 3.0 / 32512)
          }
        }
      }
    }
  }

  @Test("Zeros stay zeros; values that are not finite give scales that are none", arguments: KernelVariant.all)
  func extremes(variant: KernelVariant) {
    withArena { arena in
      let fixture = SplitFixture(columns: 70, arena)
      var split = fixture.split
      variant.kernels.split_activation(arena.place([Float](repeating: 0, count: 70)), 70, &split)
      #expect(split.scale.0 == 0 && split.scale.1 == 0)
      #expect((0..<128).allSatisfy { split.high[$0] == 0 && split.low[$0] == 0 })
      for value in [Float.nan, .infinity, -.infinity] {
        var x = [Float](repeating: 1, count: 70)
        x[66] = value
        variant.kernels.split_activation(arena.place(x), 70, &split)
        #expect(split.scale.0.isNaN && split.large == 2)
      }
    }
  }
}

/// An activation of random bytes in two classes of blocks, or room for one.
private struct SplitFixture {
  let split: ck_split_activation

  init(columns: Int, _ arena: Arena) {
    let blocks = (columns + 63) / 64
    let bytes = [Int8](repeating: 7, count: 64 * blocks)
    split = ck_split_activation(
      high: arena.place(bytes, offset: 1), low: arena.place(bytes, offset: 3),
      order: arena.place([UInt16](repeating: 0, count: blocks), offset: 1), blocks: blocks, large: 0, scale: (0, 0),
      sum_high: (0, 0), sum_low: (0, 0))
  }

  init(_ shape: CodePlanesTests.Shape, seed: UInt64, _ arena: Arena) {
    var split = SplitFixture(columns: shape.columns, arena).split
    var generator = SeededGenerator(state: seed)
    split.large = shape.blocks / 2
    split.scale = (0.5, 0.01)
    // The last blocks are the large ones.
    for k in 0..<shape.blocks { split.order[k] = UInt16((k + shape.blocks - split.large) % shape.blocks) }
    for k in 0..<shape.blocks {
      for c in (64 * Int(split.order[k]))..<(64 * Int(split.order[k]) + 64) {
        split.high[c] = Int8.random(in: -127...127, using: &generator)
        split.low[c] = Int8.random(in: -128...127, using: &generator)
        if k < split.large {
          split.sum_high.0 += Int32(split.high[c])
          split.sum_low.0 += Int32(split.low[c])
        } else {
          split.sum_high.1 += Int32(split.high[c])
          split.sum_low.1 += Int32(split.low[c])
        }
      }
    }
    self.split = split
  }

  func blocks(_ split: ck_split_activation) -> [Int] { (0..<split.blocks).map { Int(split.order[$0]) } }

  func value(_ c: Int) -> (high: Int, low: Int, scale: Double) {
    let isLarge = blocks(split)[..<split.large].contains(c / 64)
    return (Int(split.high[c]), Int(split.low[c]), Double(isLarge ? split.scale.0 : split.scale.1))
  }
}

/// A matrix of planes with random codes and tables.
private struct PlanesFixture {
  let planes: ck_vq_planes
  private let codes: [UInt8]
  private let residualCodes: [UInt8]
  private let tables: [[UInt8]]
  private let padded: Int

  init(_ shape: CodePlanesTests.Shape, rows: Int, _ arena: Arena) {
    var generator = SeededGenerator(state: UInt64(shape.mainCount * 7 + shape.residualCount))
    padded = shape.padded
    let hasResidual = shape.residualCount > 0
    codes = (0..<(rows * padded)).map { _ in UInt8.random(in: 0...UInt8(shape.mainCount - 1), using: &generator) }
    residualCodes = (0..<(rows * padded)).map { _ in
      hasResidual ? UInt8.random(in: 0...UInt8(shape.residualCount - 1), using: &generator) : 0
    }
    tables = (0..<(hasResidual ? 4 : 2)).map { _ in generator.bytes(shape.vectorLength * 256) }
    let isNibbles = hasResidual && shape.residualCount <= 16
    var bytes: [UInt8] = []
    for n in 0..<rows {
      let line = Array(residualCodes[(n * padded)..<((n + 1) * padded)])
      bytes += codes[(n * padded)..<((n + 1) * padded)]
      if isNibbles {
        for block in stride(from: 0, to: padded, by: 64) {
          bytes += (0..<32).map { line[block + $0] | line[block + 32 + $0] << 4 }
        }
      } else if hasResidual {
        bytes += line
      }
    }
    planes = ck_vq_planes(
      codes: arena.place(bytes, offset: 1), row_stride: bytes.count / rows, columns: padded,
      vector_length: UInt32(shape.vectorLength), main_count: UInt32(shape.mainCount),
      residual_nibbles: isNibbles ? 1 : 0, main_high: arena.place(tables[0]), main_low: arena.place(tables[1]),
      residual_high: hasResidual ? UnsafePointer(arena.place(tables[2])) : nil,
      residual_low: hasResidual ? UnsafePointer(arena.place(tables[3])) : nil, main_scale: 0.25,
      residual_scale: 0.125)
  }

  func main(_ n: Int, _ c: Int, _ e: Int) -> (high: Int, low: Int) {
    let at = e * 256 + Int(codes[n * padded + c])
    return (Int(tables[0][at]), Int(tables[1][at]))
  }

  func residual(_ n: Int, _ c: Int, _ e: Int) -> (high: Int, low: Int)? {
    guard tables.count == 4 else { return nil }
    let at = e * 256 + Int(residualCodes[n * padded + c])
    return (Int(tables[2][at]), Int(tables[3][at]))
  }
}
