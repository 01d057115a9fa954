import Checkpoints
import Tensors
import TestSupport
import Testing

@testable import VectorQuantization

/// The 67 layers of the reference package (shared `vectors/README.md`).
@Suite(.enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)))
struct ReferenceLayerTests {
  @Test func allLayersAreThere() {
    #expect(SharedLayer.names.count == 67)
  }

  /// `ref.weight`, by the rounding of format section 5.1.
  @Test(arguments: SharedLayer.names)
  func dequantizesBitForBit(_ name: String) throws {
    let shared = try SharedLayer(name)
    let weight = try shared.layer().dequantized(roundingTo: shared.dtype)
    #expect(weight.map(\.bitPattern) == (try shared.weight.floats().map(\.bitPattern)))
  }

  /// `ref.indices` and `ref.res_indices`.
  @Test(arguments: SharedLayer.names)
  func unpacksTheSameCodes(_ name: String) throws {
    let shared = try SharedLayer(name)
    let layer = try shared.layer()
    guard shared.file.contains("ref.indices") else {
      #expect(name == "wide-perm")
      return
    }
    #expect(layer.mainCodes() == (try shared.integers("ref.indices")))
    if shared.file.contains("ref.res_indices") {
      #expect(layer.residualCodes() == (try shared.integers("ref.res_indices")))
    } else {
      #expect(layer.residualCodes() == nil)
    }
  }

  /// `ref.y_f32` is the float32 product of the dense weight as the storage type rounds it. Products from codes are
  /// made without that rounding: they equal it to 1e-5 where nothing is rounded, else the product of the unrounded
  /// dense weight to 1e-5 and `ref.y_f32` to the storage type's precision.
  @Test(arguments: SharedLayer.names, [false, true])
  func multiplies(_ name: String, byTiles: Bool) throws {
    let shared = try SharedLayer(name)
    let layer = try shared.layer()
    let x = try shared.file.tensor(named: "ref.x").floats()
    let tokens = x.count / layer.inFeatures
    let y = try product(layer, x, tokens: tokens, byTiles: byTiles)
    let weight = try layer.dequantized()
    let bias = try layer.bias?.floats()
    expectClose(y, denseProduct(weight, x, tokens: tokens, inFeatures: layer.inFeatures, bias: bias), 1e-5)
    let isRounded = shared.dtype != .float32 && (layer.settings.hasResidual || layer.settings.normEnabled)
    // Up to three rounding steps of 2^-9 (bfloat16) or 2^-12 (float16) per weight.
    let tolerance: Float = !isRounded ? 1e-5 : shared.dtype == .float16 ? 2e-3 : 2e-2
    expectClose(y, try shared.file.tensor(named: "ref.y_f32").floats(), tolerance)
  }

  /// The product of the weight rounded as the reference does is `ref.y_f32` to 1e-5.
  @Test(arguments: SharedLayer.names)
  func referenceProductFollowsFromTheRoundedWeight(_ name: String) throws {
    let shared = try SharedLayer(name)
    let layer = try shared.layer()
    let x = try shared.file.tensor(named: "ref.x").floats()
    let y = denseProduct(
      try layer.dequantized(roundingTo: shared.dtype), x, tokens: x.count / layer.inFeatures,
      inFeatures: layer.inFeatures, bias: try layer.bias?.floats())
    expectClose(y, try shared.file.tensor(named: "ref.y_f32").floats(), 1e-5)
  }

  /// Packed tensors are written as they were read; unpacked ones read back as the same codes.
  @Test(arguments: SharedLayer.names)
  func readsBackWhatItWrites(_ name: String) throws {
    let shared = try SharedLayer(name)
    let layer = try shared.layer()
    if shared.settings.isPacked {
      for (name, tensor) in layer.tensors() {
        let original = try shared.file.tensor(named: name)
        #expect(original.dtype == tensor.dtype && original.shape == tensor.shape)
        #expect(bytes(original) == bytes(tensor), "\(name)")
      }
      let parts = shared.file.tensorNames.filter { !$0.hasPrefix("ref.") }
      #expect(Set(parts) == Set(layer.tensors().map(\.name)))
      let size = try parts.reduce(0) { $0 + bytes(try shared.file.tensor(named: $1)).count }
      #expect(layer.storedBits.total == size * 8)
    }
    let again = try VectorQuantizedLinear(
      reading: MemorySource(layer, module: "again"), module: "again", settings: layer.settings,
      outFeatures: layer.outFeatures, inFeatures: layer.inFeatures)
    #expect(again.settings == layer.settings)
    #expect(again.indices.unpacked() == layer.indices.unpacked())
    #expect(try again.dequantized() == layer.dequantized())
    #expect(
      try layer.storedBits
        == layer.settings.storedBits(outFeatures: layer.outFeatures, inFeatures: layer.inFeatures, dtype: shared.dtype))
  }

  /// Format section 9: the same dense weight without a permutation.
  @Test(arguments: SharedLayer.names)
  func absorbsPermutations(_ name: String) throws {
    let layer = try SharedLayer(name).layer()
    guard layer.permutation != nil else { return }
    if layer.settings.groupCount > 1 || layer.settings.hasOutliers {
      let error = #expect(throws: VectorQuantizationError.self) { try layer.absorbingPermutation() }
      #expect(error?.code == .cannotAbsorbPermutation)
    } else {
      let absorbed = try layer.absorbingPermutation()
      #expect(absorbed.permutation == nil && !absorbed.settings.permutationEnabled)
      #expect(try absorbed.dequantized() == layer.dequantized())
    }
  }
}
