import CKernels
import Tensors
import Testing

@testable import VectorQuantization

/// Codebooks in whole units, which bytes say exactly.
@Suite("Common unit")
struct CommonUnitTests {
  private static let types: [DType] = [.float16, .bfloat16]

  /// Numbers as codebooks have them, few of them large, in whole units of what `choices` finds for them.
  private func whole(_ count: Int, _ length: Int, seed: UInt64, type: DType, size: Float = 0.03) throws -> (
    values: [Float], unit: Float
  ) {
    var random = CounterRandom(seed: seed)
    let values = (0..<count * length).map { index in
      let value = size * Float.random(in: -1...1, using: &random) * Float.random(in: 0...1, using: &random)
      return index == 5 ? 20 * size : value
    }
    let unit = try #require(
      CommonUnit.choices(
        main: values, residual: nil, vectorLength: length, mainBits: count.trailingZeroBitCount,
        usage: (0..<count).map { $0 == 5 / length ? 1 : 1000 }, shares: [0.015], storageType: type
      ).first)
    return (FloatConversion.rounded(values.map { unit * ($0 / unit).rounded() }, to: type), unit)
  }

  @Test("The unit of rounded codebooks is found as they are stored", arguments: types)
  func found(type: DType) throws {
    for seed in 0..<20 as Range<UInt64> {
      let (values, unit) = try whole(64, 4, seed: seed, type: type)
      let small = values.filter { abs($0) <= 127 * unit }
      #expect(small.count == values.count - 1)
      #expect(small.allSatisfy { ($0 / unit).rounded() == $0 / unit })
      let usage = (0..<64).map { $0 == 1 ? 1 : 1000 }
      #expect(
        CommonUnit.find(main: values, residual: nil, vectorLength: 4, mainBits: 6, usage: usage) == unit)
    }
  }

  @Test(
    "What is chosen is at least the limit's share of 127, and not coarser than its digits make it", arguments: types)
  func chosen(type: DType) throws {
    for exponent in [-12, -3, 0, 5] {
      for largest in [1.0, 1.01, 1.3, 1.999] as [Float] {
        let value = Float(sign: .plus, exponent: exponent, significand: largest)
        let unit = try #require(
          CommonUnit.choices(
            main: [value, -value / 3], residual: nil, vectorLength: 1, mainBits: 1, usage: [1, 1], shares: [0],
            storageType: type
          ).first)
        #expect(unit * 127 >= value * 0.9999)
        #expect(unit * 127 <= value * (type == .float16 ? 1.13 : 2.01))
      }
    }
    #expect(
      CommonUnit.choices(
        main: [0, 0], residual: nil, vectorLength: 1, mainBits: 1, usage: [1, 1], shares: [0, 0.5], storageType: type
      ).isEmpty)
  }

  @Test("Codebooks in no unit have none that is of use", arguments: types)
  func none(type: DType) {
    var random = CounterRandom(seed: 3)
    for _ in 0..<20 {
      let values = FloatConversion.rounded((0..<256).map { _ in Float.random(in: -1...1, using: &random) }, to: type)
      let bytes = PlaneBytes(
        main: values, residual: nil, vectorLength: 4, mainBits: 6, usage: [Int](repeating: 9, count: 64))
      #expect(!bytes.isExact)
    }
    for values in [[0, 0], [.nan, .infinity], [.leastNonzeroMagnitude, 0]] as [[Float]] {
      #expect(CommonUnit.find(main: values, residual: nil, vectorLength: 1, mainBits: 1, usage: [1, 1]) == nil)
    }
  }

  @Test("Sums of two stages in one unit are exactly what bytes and escapes say", arguments: [false, true])
  func sums(hasResidual: Bool) throws {
    let (main, unit) = try whole(64, 4, seed: 7, type: .float16)
    var random = CounterRandom(seed: 8)
    let rest =
      hasResidual ? (0..<4 * 16).map { _ in unit * Float(Int.random(in: -9...9, using: &random)) } : [0, 0, 0, 0]
    var usage = [Int](repeating: 1, count: hasResidual ? 1024 : 64)
    for code in usage.indices where code & 63 > 1 { usage[code] = 100 }
    let bytes = PlaneBytes(
      main: main, residual: hasResidual ? rest : nil, vectorLength: 4, mainBits: 6, usage: usage)
    #expect(bytes.isExact && bytes.unit == unit)
    for code in usage.indices {
      let (k, r) = (code & 63, code >> 6)
      for e in 0..<4 {
        let sum = main[4 * k + e] + rest[4 * r + e]
        // The largest, which float16 rounded, by as much.
        #expect(abs(bytes.value(k, r, e, 4, 6, isFine: false) - sum) <= abs(sum) * 0x1p-11)
        if abs(sum) <= 100 * unit { #expect(bytes.value(k, r, e, 4, 6, isFine: false) == sum) }
      }
    }
  }

  /// With activations that are bytes themselves nothing is rounded but sums in float32.
  @Test(
    "A layer in whole units is multiplied as it is stored",
    .enabled(if: ck_active().pointee.plane_centroids >= 256, "this machine has no byte permutes"),
    arguments: [1, 3, 8, 33])
  func products(tokens: Int) throws {
    let (outFeatures, inFeatures, v) = (264, 320, 4)
    let (main, unit) = try whole(256, v, seed: 11, type: .float16)
    var random = CounterRandom(seed: 12)
    let residual = (0..<16 * v).map { _ in unit * Float(Int.random(in: -15...15, using: &random)) }
    let settings = LayerSettings(
      vectorLength: v, centroidCount: 256, residualCentroidCount: 16, normEnabled: false, permutationEnabled: false)
    let rows = outFeatures / v
    // Centroid 1 has the large element: few codes name it.
    let codes = (0..<rows * inFeatures).map { index -> UInt32 in
      let k = UInt32.random(in: 2..<256, using: &random)
      return (index % 997 == 0 ? 1 : k) | UInt32.random(in: 0..<16, using: &random) << 8
    }
    let layer = try VectorQuantizedLinear(
      module: "m", settings: settings, outFeatures: outFeatures, inFeatures: inFeatures,
      centroids: Codebook(main, count: 256, vectorLength: v, dtype: .float16),
      residualCentroids: Codebook(residual, count: 16, vectorLength: v, dtype: .float16),
      indices: PackedIndices(packing: codes, groupCount: 1, rowCount: rows, columnCount: inFeatures, codeBits: 12))
    // 127 is there, so that a byte's unit is 1.
    let x = (0..<tokens * inFeatures).map {
      $0 % inFeatures == 3 ? Float(127) : Float(Int.random(in: -90...90, using: &random))
    }
    var (fast, exact) = (
      [Float](repeating: 0, count: tokens * outFeatures), [Float](repeating: 0, count: tokens * outFeatures)
    )
    VectorQuantizedKernel(layer).multiply(x, tokens: tokens, into: &fast)
    VectorQuantizedKernel(layer, isExact: true).multiply(x, tokens: tokens, into: &exact)
    // The large element was rounded to float16, by at most 2^-12 of it.
    let largest = try #require(main.map(abs).max())
    expectClose(fast, exact, 1e-4 * largest / unit / 640)
  }
}
