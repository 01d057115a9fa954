import Tensors
import Testing
import VectorQuantization

/// Case Q08: bits that are stored, not only those of the codes (format section 10).
@Suite struct StoredBitsTests {
  @Test(
    arguments: [
      (4096, 4096, 8, 65536, 256, [3.0, 0.501953125, 0.01171875, 3.513671875]),
      (4096, 4096, 8, 65536, 0, [2.0, 0.5, 0.01171875, 2.51171875]),
      (4096, 4096, 12, 65536, 4096, [2.337890625, 0.796875, 0.01171875, 3.146484375]),
      (576, 576, 8, 65536, 0, [2.0, 25.28395061728395, 0.08333333333333333, 27.367283950617285]),
      (192, 576, 8, 256, 0, [1.0, 0.2962962962962963, 0.25, 1.5462962962962963]),
      (130, 64, 8, 256, 16, [1.5692307692307692, 4.184615384615385, 0.36923076923076925, 6.123076923076923]),
    ] as [(Int, Int, Int, Int, Int, [Double])])
  func countsEveryPart(_ out: Int, _ inputs: Int, _ v: Int, _ k: Int, _ r: Int, _ expected: [Double]) throws {
    let bits = try LayerSettings(vectorLength: v, centroidCount: k, residualCentroidCount: r)
      .storedBits(outFeatures: out, inFeatures: inputs, dtype: .float16)
    let weights = Double(out * inputs)
    #expect(abs(bits.indexBitsPerWeight - expected[0]) < 1e-12)
    #expect(abs(Double(bits.codebook) / weights - expected[1]) < 1e-12)
    #expect(abs(Double(bits.normAndPermutation) / weights - expected[2]) < 1e-12)
    #expect(abs(bits.bitsPerWeight - expected[3]) < 1e-12)
    #expect(bits.exceedsDense == (expected[3] > 16))
  }

  /// `2·No·S` bytes of codes and `2·vo·Ko` of centroids for outliers; `2·O` of bias.
  @Test func countsOutliersAndBias() throws {
    let settings = LayerSettings(
      vectorLength: 8, centroidCount: 64, outlierVectorLength: 4, outlierCentroidCount: 64, outlierSize: 4, bias: true)
    let bits = try settings.storedBits(outFeatures: 66, inFeatures: 100, dtype: .bfloat16)
    #expect(bits.outlier == 8 * (2 * 17 * 4 + 2 * 4 * 64) && bits.bias == 8 * 2 * 66)
    #expect((bits + bits).total == 2 * bits.total && (bits + bits).bitsPerWeight == bits.bitsPerWeight)
  }
}
