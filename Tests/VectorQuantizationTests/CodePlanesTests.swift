import CKernels
import Tensors
import Testing

@testable import VectorQuantization

/// The integer path of layers with small codebooks against the float path of the same layer.
@Suite(
  "Integer products",
  .enabled(if: ck_active().pointee.plane_centroids >= 256, "this machine has no byte permutes over 512 bits"))
struct CodePlanesTests {
  private func layer(
    outFeatures: Int, inFeatures: Int, settings: LayerSettings
  ) throws -> VectorQuantizedLinear {
    let random = CounterRandom(seed: 17, stream: UInt64(outFeatures * inFeatures))
    func normal(_ index: Int) -> Float {
      let sum = (0..<12).reduce(0.0) { $0 + random.uniform(at: UInt64(index * 12 + $1)) }
      return Float(sum - 6)
    }
    let (v, groups) = (settings.vectorLength, settings.groupCount)
    let rows = (outFeatures + v - 1) / v
    let columns = inFeatures / groups
    let codes = (0..<(groups * rows * columns)).map {
      UInt32(random.bits(at: UInt64($0 + 1_000_000)) & (1 << UInt64(settings.codeBits) - 1))
    }
    func book(_ count: Int, _ scale: Float, _ offset: Int) -> Codebook {
      Codebook(
        (0..<(groups * count * v)).map { normal($0 + offset) * scale }, groupCount: groups, count: count,
        vectorLength: v,
        dtype: .float16)
    }
    return try VectorQuantizedLinear(
      module: "m", settings: settings, outFeatures: outFeatures, inFeatures: inFeatures,
      centroids: book(settings.centroidCount, 1, 0),
      residualCentroids: settings.hasResidual ? book(settings.residualCentroidCount, 0.3, 50_000) : nil,
      indices: PackedIndices(
        packing: codes, groupCount: groups, rowCount: rows, columnCount: columns, codeBits: settings.codeBits))
  }

  static let recipes: [(v: Int, k: Int, r: Int, groups: Int)] = [
    (4, 256, 16, 1), (4, 256, 0, 1), (8, 256, 256, 1), (4, 64, 0, 2), (6, 128, 8, 1), (5, 256, 64, 3), (8, 64, 256, 1),
    (8, 256, 128, 1),
  ]

  @Test(
    "Outputs are within 1.5 % of the float path's, in root mean square, for one token and for many", arguments: recipes)
  func closeToFloat(recipe: (v: Int, k: Int, r: Int, groups: Int)) throws {
    let (outFeatures, inFeatures) = (322, 300)
    let settings = LayerSettings(
      vectorLength: recipe.v, centroidCount: recipe.k, residualCentroidCount: recipe.r, groupCount: recipe.groups,
      normEnabled: false, permutationEnabled: false)
    let layer = try layer(outFeatures: outFeatures, inFeatures: inFeatures, settings: settings)
    let fast = VectorQuantizedKernel(layer)
    let exact = VectorQuantizedKernel(layer, isExact: true)
    #expect(
      fast.parts.allSatisfy { $0.planes != nil } || outFeatures / recipe.v * (inFeatures / recipe.groups) < 1 << 14)
    #expect(exact.parts.allSatisfy { $0.planes == nil })
    let random = CounterRandom(seed: 2)
    let tokens = 33
    let x = (0..<(tokens * inFeatures)).map { Float(random.uniform(at: UInt64($0)) * 2 - 1) }
    var a = [Float](repeating: 0, count: tokens * outFeatures)
    var b = a
    fast.multiply(x, tokens: tokens, into: &a)
    exact.multiply(x, tokens: tokens, into: &b)
    let energy = b.reduce(0) { $0 + $1 * $1 }
    let error = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    #expect((error / energy).squareRoot() < 0.015)
    // Sums of integers are exact: no token's result depends on the others.
    guard fast.parts.allSatisfy({ $0.planes != nil }) else { return }
    for byTiles in [false, true] {
      fast.multiply(x, tokens: tokens, into: &a, byTiles: byTiles)
      for token in 0..<tokens {
        var alone = [Float](repeating: 0, count: outFeatures)
        x.withUnsafeBufferPointer { x in
          guard let base = x.baseAddress else { return }
          fast.multiply(base + token * inFeatures, tokens: 1, into: &alone, byTiles: byTiles)
        }
        #expect(alone == Array(a[(token * outFeatures)..<((token + 1) * outFeatures)]))
      }
    }
  }

  @Test(
    "Large codebooks as bytes give outputs within 1.5 % of the float path's, each token's as alone",
    arguments: [(8, 4096, 0, 1), (6, 1024, 0, 1), (8, 512, 512, 2), (12, 2048, 64, 1), (16, 4096, 256, 1)])
  func largeCodebooks(v: Int, k: Int, r: Int, groups: Int) throws {
    let (outFeatures, inFeatures) = (1106, 300)
    let settings = LayerSettings(
      vectorLength: v, centroidCount: k, residualCentroidCount: r, groupCount: groups, normEnabled: false,
      permutationEnabled: false)
    let layer = try layer(outFeatures: outFeatures, inFeatures: inFeatures, settings: settings)
    let fast = VectorQuantizedKernel(layer)
    let exact = VectorQuantizedKernel(layer, isExact: true)
    #expect(fast.parts.allSatisfy { $0.bytes != nil && $0.planes == nil })
    #expect(exact.parts.allSatisfy { $0.bytes == nil })
    let random = CounterRandom(seed: 3)
    let tokens = 5
    let x = (0..<(tokens * inFeatures)).map { Float(random.uniform(at: UInt64($0)) * 2 - 1) }
    var a = [Float](repeating: 0, count: tokens * outFeatures)
    var b = a
    exact.multiply(x, tokens: tokens, into: &b, byTiles: false)
    fast.multiply(x, tokens: tokens, into: &a, byTiles: false)
    let energy = b.reduce(0) { $0 + $1 * $1 }
    let error = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    #expect((error / energy).squareRoot() < 0.015)
    for token in 0..<tokens {
      var alone = [Float](repeating: 0, count: outFeatures)
      fast.multiply(Array(x[(token * inFeatures)..<((token + 1) * inFeatures)]), tokens: 1, into: &alone)
      #expect(alone == Array(a[(token * outFeatures)..<((token + 1) * outFeatures)]))
    }
  }

  @Test("The result does not depend on the number of threads")
  func threads() throws {
    let settings = LayerSettings(
      vectorLength: 4, centroidCount: 256, residualCentroidCount: 16, normEnabled: false, permutationEnabled: false)
    let kernel = VectorQuantizedKernel(try layer(outFeatures: 322, inFeatures: 300, settings: settings))
    let x = (0..<300).map { Float($0 % 17) - 8 }
    let before = WorkerPool.shared.threadCount
    defer { WorkerPool.shared.threadCount = before }
    let results = [1, 2, 3].map { threads -> [Float] in
      WorkerPool.shared.threadCount = threads
      var y = [Float](repeating: 0, count: 322)
      kernel.multiply(x, tokens: 1, into: &y)
      return y
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
  }

  @Test(
    "Centroids at the ends of what float32 holds are taken or left, and nothing stops",
    arguments: [Float.leastNonzeroMagnitude, .leastNormalMagnitude, 1e-20, 1, 9e29])
  func extremeCentroids(value: Float) {
    let usage = [Int](repeating: 1, count: 4)
    let bytes = CentroidBytes([value, 0, -value, value / 2], vectorLength: 1, usage: usage)
    #expect(bytes.unit.isFinite && bytes.unit <= value)
    for (code, centroid) in [value, 0, -value, value / 2].enumerated() {
      let stored = Float(Int(bytes.bytes.address(as: UInt8.self)[8 * code]) - 128) * bytes.unit + bytes.rest[code]
      #expect(abs(stored - centroid) <= max(0.51 * bytes.unit, 1e-33))
    }
    let (main, rest) = ([value, -value], [Float(0), value / 4])
    let stages = PlaneBytes(main: main, residual: rest, vectorLength: 1, mainBits: 1, usage: [3, 2, 0, 1])
    #expect(stages.unit.isFinite)
    for (k, r) in [(0, 0), (1, 0), (1, 1)] {
      #expect(abs(stages.value(k, r, 0, 1, 1) - main[k] - rest[r]) <= max(0.025 * stages.unit, 1e-33))
    }
  }

  @Test("Bytes of codebooks stand for their sums, whatever the centroids and their use", arguments: [false, true])
  func stages(hasResidual: Bool) {
    var generator = CounterRandom(seed: 5)
    var roundsWithEscapes = 0
    for round in 0..<20 {
      let (mainCount, restCount) = (64 + 8 * round, hasResidual ? 256 - 10 * round : 1)
      // Few centroids are far from the others; some are not used.
      func centroids(_ count: Int, _ size: Float) -> [Float] {
        (0..<(4 * count)).map { _ in
          let value = Float.random(in: -size...size, using: &generator)
          return value * value * value * (Int.random(in: 0..<1000, using: &generator) == 0 ? 20 : 1)
        }
      }
      let main = centroids(mainCount, 1)
      let rest = hasResidual ? centroids(restCount, 0.2 + 0.1 * Float(round)) : [0, 0, 0, 0]
      var usage = [Int](repeating: 0, count: hasResidual ? 1 << 16 : 256)
      for r in 0..<restCount {
        for k in 0..<mainCount { usage[r << 8 | k] = Int.random(in: 0..<9, using: &generator) / 4 }
      }
      let bytes = PlaneBytes(
        main: main, residual: hasResidual ? rest : nil, vectorLength: 4, mainBits: 8, usage: usage)
      let escaped = zip(usage, bytes.entries).reduce(0) { $0 + ($1.1 == nil ? 0 : $1.0) }
      #expect(Double(escaped) <= CentroidBytes.clampedShare * Double(usage.reduce(0, +)))
      roundsWithEscapes += escaped > 0 ? 1 : 0
      for code in usage.indices where usage[code] > 0 {
        let (k, r) = (code & 255, code >> 8)
        for e in 0..<4 {
          let exact = main[4 * k + e] + rest[4 * r + e]
          #expect(abs(bytes.value(k, r, e, 4, 8, isFine: false) - exact) <= (hasResidual ? 1.001 : 0.501) * bytes.unit)
          guard hasResidual else {
            #expect(bytes.main.address(as: UInt8.self)[256 * e + k] > 0)
            continue
          }
          #expect(abs(bytes.value(k, r, e, 4, 8) - exact) <= 0.025 * bytes.unit)
        }
      }
    }
    #expect(roundsWithEscapes > 1)
  }

  @Test(
    "A centroid that is no number gives outputs that are no numbers, and nothing stops",
    arguments: [Float.nan, .infinity])
  func centroidsThatAreNoNumbers(value: Float) throws {
    let settings = LayerSettings(
      vectorLength: 4, centroidCount: 256, residualCentroidCount: 0, normEnabled: false, permutationEnabled: false)
    let whole = try layer(outFeatures: 322, inFeatures: 300, settings: settings)
    let centroids = Codebook(
      [Float](repeating: value, count: 256 * 4), count: 256, vectorLength: 4, dtype: whole.centroids.tensor.dtype)
    let damaged = try VectorQuantizedLinear(
      module: whole.module, settings: whole.settings, outFeatures: 322, inFeatures: 300, centroids: centroids,
      residualCentroids: nil, indices: whole.indices, outlierCentroids: nil, outlierIndices: nil, permutation: nil,
      scale: nil, shift: nil, bias: nil)
    var y = [Float](repeating: 0, count: 322)
    VectorQuantizedKernel(damaged).multiply([Float](repeating: 1, count: 300), tokens: 1, into: &y)
    #expect(y.allSatisfy { !$0.isFinite })
  }
}

extension PlaneBytes {
  /// Element `e` of what the bytes and the escapes say of main centroid `k` and residual centroid `r`.
  func value(_ k: Int, _ r: Int, _ e: Int, _ vectorLength: Int, _ mainBits: Int, isFine: Bool = true) -> Float {
    func both(_ main: Tensor?, _ residual: Tensor?) -> Float {
      let first = main?.address(as: UInt8.self)[e * 256 + k] ?? 128
      return Float(Int(first &+ (residual?.address(as: UInt8.self)[e * 256 + r] ?? 0)) - 128)
    }
    let escape = entries[r << mainBits | k].map { rest[Int($0) * vectorLength + e] } ?? 0
    return unit * both(main, residual) + escape + (isFine ? unit / 128 * both(fineMain, fineResidual) : 0)
  }
}
