import Tensors
import Testing

@testable import VectorQuantization

/// Case Q07: a 5 x 4 layer with vectors of 3, a residual, a permutation, a norm and one surplus output, worked out by
/// hand from format section 5.
@Suite struct SmallLayerTests {
  static func layer() throws -> VectorQuantizedLinear {
    let settings = LayerSettings(vectorLength: 3, centroidCount: 4, residualCentroidCount: 2)
    return try VectorQuantizedLinear(
      module: "m", settings: settings, outFeatures: 5, inFeatures: 4,
      centroids: Codebook([1, 2, 3, -1, 0, 1, 0.5, 0.5, 0.5, 10, 20, 30], count: 4, vectorLength: 3, dtype: .float32),
      residualCentroids: Codebook([0, 0, 0, 0.25, -0.25, 0.5], count: 2, vectorLength: 3, dtype: .float32),
      indices: PackedIndices(
        main: [0, 1, 2, 3, 3, 2, 1, 0], residual: [0, 1, 0, 1, 1, 1, 0, 0], settings: settings, rowCount: 2,
        columnCount: 4),
      permutation: Permutation([2, 0, 3, 1]), scale: Tensor([1, 2, 0.5, -1], shape: [4]),
      shift: Tensor([0, 0.1, -0.2, 3], shape: [4]))
  }

  static let weight: [Float] = [
    -0.75, 20.6, 0.3, 2.5, -0.25, 39.6, 0.8, 2.5, 1.5, 61.1, 1.3, 2.5, 0.75, 2.1, 4.925, 4.0, 0.25, 4.1, 9.675, 3.0,
  ]

  @Test func packsTwelveBitsARow() throws {
    // Codes 0, 1 + 4, 2, 3 + 4 in three bits each, and 3 + 4, 2 + 4, 1, 0.
    #expect(try bytes(Self.layer().indices.tensor) == [0xA8, 0x0E, 0, 0, 0x77, 0, 0, 0])
  }

  @Test func dequantizes() throws {
    expectClose(try Self.layer().dequantized(), Self.weight, 1e-6)
  }

  @Test(arguments: [false, true])
  func multiplies(byTiles: Bool) throws {
    let y = try product(Self.layer(), [1, -2, 3, 0.5], tokens: 1, byTiles: byTiles)
    expectClose(y, [-39.8, -75.8, -115.55, 13.325, 22.575], 1e-6)
  }

  @Test func absorbsThePermutation() throws {
    let absorbed = try Self.layer().absorbingPermutation()
    #expect(absorbed.permutation == nil)
    #expect(absorbed.mainCodes() == [1, 3, 0, 2, 2, 0, 3, 1])
    expectClose(try absorbed.dequantized(), Self.weight, 1e-6)
  }

  /// Case Q07: `N = ceil(O / v)` rows of `ceil(g·B / 32)` words.
  @Test(arguments: [
    (4096, 4096, 12, 65536, 4096, 342, 3584), (4096, 4096, 6, 4096, 0, 683, 1536), (130, 64, 8, 256, 16, 17, 24),
  ])
  func shapesWithPadding(_ out: Int, _ inputs: Int, _ v: Int, _ k: Int, _ r: Int, _ rows: Int, _ words: Int) throws {
    let settings = try LayerSettings(vectorLength: v, centroidCount: k, residualCentroidCount: r)
      .resolved(outFeatures: out, inFeatures: inputs, layer: "x")
    #expect(settings.vectorRows(outFeatures: out) == rows && settings.wordsPerRow == words)
  }
}
