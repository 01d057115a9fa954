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
    [
      (16, 0), (64, 0), (128, 0), (256, 0), (64, 16), (64, 64), (100, 16), (128, 256), (256, 4), (256, 16), (256, 64),
      (256, 256),
    ].map { main, residual in
      Shape(
        vectorLength: vectorLength, mainCount: main, residualCount: residual,
        columns: [300, 64, 600, 900, 1][(vectorLength + residual / 16) % 5])
    }
  }

  @Test("Sums of integers are exact up to the rounding of the last steps", arguments: KernelVariant.all)
  func products(variant: KernelVariant) {
    for shape in Self.shapes {
      withArena { arena in
        let rows = 19
        let fixture = PlanesFixture(shape, rows: rows, variant, arena)
        let split = SplitFixture(shape, seed: UInt64(shape.vectorLength * 1000 + shape.mainCount), arena)
        let y = arena.place([Float](repeating: 2, count: rows * shape.vectorLength), offset: 1)
        withUnsafePointer(to: fixture.planes) { planes in
          withUnsafePointer(to: split.split) { variant.kernels.vq_planes(planes, 0, rows, $0, y) }
        }
        for n in 0..<rows {
          for e in 0..<shape.vectorLength {
            var (exact, magnitude) = (2.0, 2.0)
            for c in 0..<shape.padded {
              let whole = split.value(c)
              exact += Double(split.split.scale) * Double(whole) * fixture.value(n, c, e)
              magnitude += Double(split.split.scale) * abs(Double(whole) * fixture.value(n, c, e))
            }
            exact += fixture.escaped(n, e, split.split.values, vectorLength: shape.vectorLength)
            let difference = abs(Double(y[n * shape.vectorLength + e]) - exact)
            // Of every run of fine columns two sums are rounded to whole integers.
            let rounding = fixture.runsOfFineColumns * 0.25 * Double(split.split.scale)
            #expect(difference <= 0x1p-20 * magnitude + 1.01 * rounding, "\(shape), row \(n), element \(e)")
          }
        }
      }
    }
  }

  @Test("Rows give the same result in any split into whole bands", arguments: KernelVariant.all)
  func splits(variant: KernelVariant) {
    for shape in Self.shapes where shape.vectorLength % 4 != 1 {
      withArena { arena in
        let fixture = PlanesFixture(shape, rows: 37, variant, arena)
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
        #expect(whole == run([0..<8, 8..<32, 32..<37]))
        #expect(whole == run(stride(from: 0, to: 37, by: 8).map { $0..<min($0 + 8, 37) }))
      }
    }
  }

  @Test("Several activations together give each what it has alone, to the last bit", arguments: KernelVariant.all)
  func together(variant: KernelVariant) {
    for shape in Self.shapes {
      withArena { arena in
        let rows = 21
        let fixture = PlanesFixture(shape, rows: rows, variant, arena)
        let fixtures = (0..<41).map { SplitFixture(shape, seed: UInt64(31 * $0 + shape.mainCount), arena) }
        let count = rows * shape.vectorLength
        let alone = fixtures.map { own -> [Float] in
          let y = arena.place([Float](repeating: 1, count: count), offset: 1)
          withUnsafePointer(to: fixture.planes) { planes in
            withUnsafePointer(to: own.split) { variant.kernels.vq_planes(planes, 0, rows, $0, y) }
          }
          return y.values(count)
        }
        for tokens in Array(1...7) + [16, 19, 41] {
          for lanes in tokens < 16 ? [ck_token_lanes()] : [ck_token_lanes(), lanes(fixtures, variant, arena)] {
            let all = together(fixture, fixtures.prefix(tokens), lanes, count: count, variant, arena)
            for token in 0..<tokens {
              #expect(all[token] == alone[token], "\(shape), \(token) of \(tokens)")
            }
          }
        }
      }
    }
  }

  /// The values of all activations with a lane for each of 16.
  private func lanes(_ fixtures: [SplitFixture], _ variant: KernelVariant, _ arena: Arena) -> ck_token_lanes {
    guard let padded = fixtures.first.map({ 64 * $0.split.blocks }) else { return ck_token_lanes() }
    let groups = (fixtures.count + 15) / 16
    let target = arena.place([Float](repeating: .nan, count: groups * (16 * padded + 7)), offset: 1)
    let x = arena.place(fixtures.flatMap { own in (0..<padded).map { own.split.values[$0] } }, offset: 3)
    for group in 0..<groups {
      variant.kernels.token_lanes(
        x + 16 * group * padded, padded, min(16, fixtures.count - 16 * group), padded,
        target + group * (16 * padded + 7))
    }
    return ck_token_lanes(values: UnsafePointer(target), stride: 16 * padded + 7)
  }

  /// What several activations together give each; checks that nothing is written between their outputs.
  private func together(
    _ fixture: PlanesFixture, _ fixtures: ArraySlice<SplitFixture>, _ lanes: ck_token_lanes, count: Int,
    _ variant: KernelVariant, _ arena: Arena
  ) -> [[Float]] {
    // Two places for each, as where a layer has two parts; their digits lie equally far apart.
    var splits = fixtures.flatMap { [$0.split, $0.split] }
    let columns = 64 * fixtures[fixtures.startIndex].split.blocks
    let digits = arena.place(
      fixtures.flatMap { own in
        (0..<columns).map { own.split.low[$0] } + (0..<columns).map { own.split.high[$0] }
          + [Int8](repeating: 9, count: 64)
      })
    for index in splits.indices {
      splits[index].low = digits + index / 2 * (2 * columns + 64)
      splits[index].high = splits[index].low + columns
    }
    if lanes.values != nil, variant.kernels.prefers_planes_for_prompts != 0 {
      // Of whole groups, values are read in lanes alone.
      let none = UnsafePointer(arena.place([Float](repeating: .nan, count: columns), offset: 1))
      for index in 0..<(fixtures.count / 16 * 32) { splits[index].values = none }
    }
    let scratch = UnsafeMutableRawPointer(
      arena.place([UInt8](repeating: 255, count: Int(CK_PLANES_SCRATCH)), offset: 5))
    let y = arena.place([Float](repeating: 1, count: splits.count / 2 * (count + 3)), offset: 1)
    splits.withUnsafeBufferPointer { splits in
      withUnsafePointer(to: fixture.planes) { planes in
        guard let base = splits.baseAddress else { return }
        variant.kernels.vq_planes_many(
          planes, 0, fixture.rows, base, 2, splits.count / 2, lanes, y, count + 3, scratch)
      }
    }
    return (0..<fixtures.count).map { token in
      let own = (y + token * (count + 3)).values(count + 3)
      #expect(own[count...].allSatisfy { $0 == 1 })
      return Array(own[..<count])
    }
  }

  @Test("Values in lanes are those of the activations", arguments: KernelVariant.all)
  func tokenLanes(variant: KernelVariant) {
    for (count, tokens) in oddSizes.flatMap({ count in [1, 7, 16].map { (count, $0) } }) {
      withArena { arena in
        var generator = SeededGenerator(state: UInt64(count + tokens))
        let x = arena.place(generator.floats(tokens * (count + 2), in: -3...3), offset: 1)
        let lanes = arena.place([Float](repeating: .nan, count: 16 * count + 1), offset: 1)
        variant.kernels.token_lanes(x, count + 2, tokens, count, lanes)
        for c in 0..<count {
          for t in 0..<16 { #expect(lanes[16 * c + t] == (t < tokens ? x[t * (count + 2) + c] : 0)) }
        }
        #expect(lanes[16 * count].isNaN)
        guard tokens == 16 else { return }
        let columns = arena.place((0..<count).map { UInt32($0 * 7 % count) }, offset: 1)
        let factors = arena.place(generator.floats(count, in: -2...2), offset: 3)
        for (columns, factors) in [(columns, factors), (columns, nil), (nil, factors), (nil, nil)] {
          let gathered = arena.place([Float](repeating: .nan, count: 16 * count + 1), offset: 1)
          let rows = arena.place([Float](repeating: .nan, count: 16 * (count + 3)), offset: 1)
          variant.kernels.gather_lanes(lanes, columns, factors, count, gathered, rows, count + 3)
          for t in 0..<16 {
            for c in 0..<count {
              let expected = x[t * (count + 2) + (columns.map { Int($0[c]) } ?? c)] * (factors.map { $0[c] } ?? 1)
              #expect(gathered[16 * c + t] == expected && rows[t * (count + 3) + c] == expected)
            }
            #expect((count..<(count + 3)).allSatisfy { rows[t * (count + 3) + $0].isNaN })
          }
          #expect(gathered[16 * count].isNaN)
        }
      }
    }
  }

  @Test("A split activation is within half a unit, its padding zero", arguments: KernelVariant.all)
  func splitActivation(variant: KernelVariant) {
    for count in oddSizes + [640] {
      for (hugeAt, huge) in [(Int?.none, Float(0)), (0, -300), (count / 2, -3000), (count - 1, 3000)] {
        withArena { arena in
          var generator = SeededGenerator(state: UInt64(count))
          var values = generator.floats(count, in: -3...3)
          if let hugeAt { values[hugeAt] = huge }
          let x = arena.place(values, offset: 1)
          let fixture = SplitFixture(columns: count, arena)
          var split = fixture.split
          variant.kernels.split_activation(x, count, CK_LARGE_VALUE, &split)
          fixture.large = (0..<split.large).map { Int(split.large_blocks[$0]) }
          #expect(fixture.large == fixture.large.sorted())
          var (low, high) = (0, 0)
          for c in 0..<(64 * split.blocks) {
            let value = Float(fixture.value(c)) * split.scale
            // A low byte would have to be -128.
            let isMoved = fixture.large.contains(c / 64) && split.low[c] == -127
            #expect(abs(value - (c < count ? x[c] : 0)) <= (isMoved ? 1.51 : 0.51) * split.scale)
            #expect(split.low[c] > -128)
            low += Int(split.low[c])
            if fixture.large.contains(c / 64) { high += Int(split.high[c]) }
          }
          #expect(low == Int(split.sum_low) && high == Int(split.sum_high))
          let eights = (0..<(8 * split.blocks)).filter { eight in
            fixture.large.contains(eight / 8) && (0..<8).contains { split.high[8 * eight + $0] != 0 }
          }
          #expect((0..<split.eights).map { Int(split.high_eights?[$0] ?? 0) } == eights)
          // Values that are alike have one byte. A huge one among many costs the others little.
          if hugeAt == nil { #expect(split.large == 0 && split.scale <= 3.0 / 127) }
          if let hugeAt, count > 64 {
            #expect(fixture.large.contains(hugeAt / 64))
            let squares = values.reduce(0) { $0 + $1 * $1 }
            let limit = max(CK_LARGE_VALUE * (squares / Float(count)).squareRoot() / 127, abs(huge) / 32512)
            #expect(split.scale <= limit * 1.0001)
          }
        }
      }
    }
  }

  @Test(
    "Zeros and the least numbers stay near zero; values that are not finite give no scale", arguments: KernelVariant.all
  )
  func extremes(variant: KernelVariant) {
    withArena { arena in
      let fixture = SplitFixture(columns: 70, arena)
      var split = fixture.split
      for value in [Float(0), .leastNonzeroMagnitude, .leastNormalMagnitude] {
        variant.kernels.split_activation(arena.place([Float](repeating: value, count: 70)), 70, CK_LARGE_VALUE, &split)
        #expect(split.scale >= 0 && split.scale <= value)
        #expect((0..<128).allSatisfy { abs(Float(split.low[$0])) * split.scale <= 1.01 * value })
        #expect((0..<128).reduce(0) { $0 + Int(split.low[$1]) } == Int(split.sum_low))
      }
      for value in [Float.greatestFiniteMagnitude / 2, 1e30] {
        variant.kernels.split_activation(arena.place([Float](repeating: value, count: 70)), 70, CK_LARGE_VALUE, &split)
        #expect(abs(Float(split.low[69]) * split.scale / value - 1) < 0.01)
      }
      for value in [Float.nan, .infinity, -.infinity] {
        var x = [Float](repeating: 1, count: 70)
        x[66] = value
        variant.kernels.split_activation(arena.place(x), 70, CK_LARGE_VALUE, &split)
        #expect(split.scale.isNaN)
        #expect((0..<128).allSatisfy { split.low[$0] == 0 })
      }
    }
  }
}

/// An activation of random bytes with some large blocks, or room for one.
private final class SplitFixture {
  let split: ck_split_activation
  var large: [Int] = []

  init(columns: Int, _ arena: Arena) {
    let blocks = (columns + 63) / 64
    let bytes = [Int8](repeating: 7, count: 64 * blocks)
    let values = arena.place((0..<(64 * blocks)).map { Float($0 % 7) - 3 }, offset: 1)
    split = ck_split_activation(
      values: values, low: arena.place(bytes, offset: 1), high: arena.place(bytes, offset: 3),
      large_blocks: arena.place([UInt16](repeating: 0, count: blocks), offset: 1),
      high_eights: arena.place([UInt16](repeating: 0, count: 8 * blocks), offset: 1), blocks: blocks, large: 0,
      eights: 0, scale: 0, sum_low: 0, sum_high: 0, is_narrow: 0)
  }

  init(_ shape: CodePlanesTests.Shape, seed: UInt64, _ arena: Arena) {
    var split = SplitFixture(columns: shape.columns, arena).split
    var generator = SeededGenerator(state: seed)
    split.scale = 0.01
    large = (0..<shape.blocks).filter { _ in Bool.random(using: &generator) }
    split.large = large.count
    var magnitudes = 0
    for (k, block) in large.enumerated() { split.large_blocks[k] = UInt16(block) }
    for c in 0..<shape.padded {
      split.low[c] = Int8.random(in: -127...127, using: &generator)
      // Most eights have none.
      split.high[c] = large.contains(c / 64) && c / 8 % 3 == 1 ? Int8.random(in: -127...127, using: &generator) : 0
      split.sum_low += Int32(split.low[c])
      if large.contains(c / 64) { split.sum_high += Int32(split.high[c]) }
      magnitudes += abs(Int(split.low[c]) + (large.contains(c / 64) ? 256 * Int(split.high[c]) : 0))
    }
    for eight in 0..<(shape.padded / 8) where large.contains(eight / 8) {
      guard (0..<8).contains(where: { split.high[8 * eight + $0] != 0 }) else { continue }
      split.high_eights?[split.eights] = UInt16(eight)
      split.eights += 1
    }
    split.is_narrow = magnitudes < Int(CK_NARROW_SUM) ? 1 : 0
    // As if sums might not fit, now and then.
    if seed % 17 == 3 { split.is_narrow = 0 }
    split.values = UnsafePointer(arena.place(generator.floats(shape.padded, in: -3...3), offset: 1))
    self.split = split
  }

  func value(_ c: Int) -> Int { Int(split.low[c]) + (large.contains(c / 64) ? 256 * Int(split.high[c]) : 0) }
}

/// A matrix of planes with random codes and tables.
private struct PlanesFixture {
  let planes: ck_vq_planes
  let rows: Int
  private let codes: [UInt8]
  private let residualCodes: [UInt8]
  /// Of the main and the residual stage, then the fine ones of both.
  private let tables: [[UInt8]]
  private let fineFours: Int
  private let escapes: [[(column: Int, entry: Int)]]
  private let escapeValues: [Float]
  private let padded: Int

  init(_ shape: CodePlanesTests.Shape, rows: Int, _ variant: KernelVariant, _ arena: Arena) {
    var generator = SeededGenerator(state: UInt64(shape.mainCount * 7 + shape.residualCount))
    padded = shape.padded
    self.rows = rows
    let hasResidual = shape.residualCount > 0
    codes = (0..<(rows * padded)).map { _ in UInt8.random(in: 0...UInt8(shape.mainCount - 1), using: &generator) }
    residualCodes = (0..<(rows * padded)).map { _ in
      hasResidual ? UInt8.random(in: 0...UInt8(shape.residualCount - 1), using: &generator) : 0
    }
    // What both stages add up to often comes back at the other end.
    // One stage alone has no byte of 0.
    tables = (0..<4).map { index in
      let bytes = generator.bytes(shape.vectorLength * 256)
      return hasResidual ? bytes : bytes.map { index % 2 == 0 ? max(1, $0) : 0 }
    }
    let isRefined = hasResidual || variant.kernels.refines_one_stage != 0 || variant.isa == CK_PORTABLE
    fineFours = isRefined ? Int.random(in: 0...(2 * shape.blocks), using: &generator) : 0
    let isNibbles = hasResidual && shape.residualCount <= 16
    var bytes: [UInt8] = []
    let bandRows = Int(CK_BAND_ROWS)
    let bands = (rows + bandRows - 1) / bandRows
    /// The codes of block `b` of a band; rows that fill up the last one have 0.
    let width = padded
    func block(_ codes: [UInt8], _ band: Int, _ b: Int) -> [UInt8] {
      (0..<64).map {
        let row = band * bandRows + $0 / 8
        return row < rows ? codes[row * width + 8 * b + $0 % 8] : 0
      }
    }
    for band in 0..<bands {
      for first in stride(from: 0, to: padded / 8, by: 4) {
        let (mainCodes, restCodes) = (codes, residualCodes)
        let main = (first..<(first + 4)).map { block(mainCodes, band, $0) }
        let rest = (first..<(first + 4)).map { block(restCodes, band, $0) }
        if shape.mainCount <= 64 {
          for i in 0..<3 { bytes += (0..<64).map { main[i][$0] | (main[3][$0] >> (2 * i) & 3) << 6 } }
        } else {
          bytes += main.joined()
        }
        for own in hasResidual ? rest : [] {
          bytes += isNibbles ? (0..<32).map { own[$0] | own[32 + $0] << 4 } : own
        }
      }
    }
    // Two rows without escapes, the others with some.
    escapes = (0..<rows).map { n in
      (0..<(n % 3 == 1 ? 0 : n % 7)).map { (Int.random(in: 0..<width, using: &generator), $0 % 4) }
    }
    escapeValues = generator.floats(4 * shape.vectorLength, in: -50...50)
    let stored = arena.place(escapes: escapes, values: escapeValues, vectorLength: shape.vectorLength)
    planes = ck_vq_planes(
      codes: arena.place(bytes, offset: 1), band_stride: bytes.count / bands, columns: padded,
      vector_length: UInt32(shape.vectorLength), main_count: UInt32(shape.mainCount),
      residual_count: UInt32(shape.residualCount), main: arena.place(tables[0]),
      residual: hasResidual ? UnsafePointer(arena.place(tables[1].map { Int8(bitPattern: $0) })) : nil, scale: 0.25,
      fine_columns: 32 * fineFours, fine_main: fineFours > 0 ? UnsafePointer(arena.place(tables[2])) : nil,
      fine_residual: hasResidual ? UnsafePointer(arena.place(tables[3].map { Int8(bitPattern: $0) })) : nil,
      escapes: stored)
  }

  /// What the escapes of a row add to one of its outputs.
  func escaped(_ n: Int, _ e: Int, _ x: UnsafePointer<Float>, vectorLength: Int) -> Double {
    escapes[n].reduce(0) { $0 + Double(x[$1.column]) * Double(escapeValues[$1.entry * vectorLength + e]) }
  }

  var runsOfFineColumns: Double { (Double(planes.fine_columns) / Double(CK_FINE_RUN)).rounded(.up) }

  /// One weight.
  func value(_ n: Int, _ c: Int, _ e: Int) -> Double {
    let (k, r) = (e * 256 + Int(codes[n * padded + c]), e * 256 + Int(residualCodes[n * padded + c]))
    func both(_ first: Int) -> Double {
      let byte = tables[first][k] &+ tables[first + 1][r]
      return Double(Int(byte) - 128)
    }
    return 0.25 * both(0) + (c / 32 < fineFours ? 0.25 / 128 * both(2) : 0)
  }
}
