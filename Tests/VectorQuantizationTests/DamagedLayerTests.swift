import Tensors
import Testing

@testable import VectorQuantization

/// Format section 12: a damaged file gives an error that names module and tensor.
@Suite struct DamagedLayerTests {
  private let settings = LayerSettings(vectorLength: 3, centroidCount: 4, residualCentroidCount: 2)

  private func code(
    _ tensor: String, settings: LayerSettings? = nil, location: SourceLocation = #_sourceLocation,
    _ damage: (inout MemorySource) -> Void
  ) throws -> VectorQuantizationError.Code? {
    var source = MemorySource(try SmallLayerTests.layer(), module: "m.q")
    damage(&source)
    let error = #expect(throws: VectorQuantizationError.self, sourceLocation: location) {
      try VectorQuantizedLinear(
        reading: source, module: "m.q", settings: settings ?? self.settings, outFeatures: 5, inFeatures: 4)
    }
    #expect(error?.message.contains("m.q.\(tensor)") == true, sourceLocation: location)
    return error?.code
  }

  @Test func wholeLayerReads() throws {
    let source = MemorySource(try SmallLayerTests.layer(), module: "m.q")
    let layer = try VectorQuantizedLinear(
      reading: source, module: "m.q", settings: settings, outFeatures: 5, inFeatures: 4)
    expectClose(try layer.dequantized(), SmallLayerTests.weight, 1e-6)
  }

  @Test(arguments: ["centroids.weight", "res_centroids.weight", "indices", "perm", "weight_scale", "weight_bias"])
  func missingTensors(_ name: String) throws {
    #expect(try code(name) { $0["m.q.\(name)"] = nil } == .missingTensor)
  }

  @Test(arguments: ["centroids.weight", "res_centroids.weight", "indices", "perm", "weight_scale", "weight_bias"])
  func wrongShapes(_ name: String) throws {
    #expect(
      try code(name) { source in
        guard let tensor = source["m.q.\(name)"] else { return }
        source["m.q.\(name)"] = tensor.reshaped(Shape([1, 1, 1] + tensor.shape.dimensions))
      } == .wrongShape)
  }

  @Test(arguments: ["centroids.weight", "res_centroids.weight", "weight_scale", "weight_bias", "indices"])
  func wrongTypes(_ name: String) throws {
    #expect(
      try code(name) { source in
        guard let stored = source["m.q.\(name)"]?.shape else { return }
        let shape: Shape = name == "indices" ? [1, 2, 4] : stored
        source["m.q.\(name)"] = Tensor(
          bits: [Int8](repeating: 0, count: shape.elementCount), dtype: .int8, shape: shape)
      } == .wrongType)
  }

  @Test func truncatedIndices() throws {
    #expect(
      try code("indices") { $0["m.q.indices"] = Tensor(bits: [Int32(0)], dtype: .int32, shape: [1, 1, 1]) }
        == .wrongShape)
  }

  @Test func brokenPermutation() throws {
    #expect(
      try code("perm") { $0["m.q.perm"] = Tensor(bits: [Int16(0), 1, 2, 2], dtype: .int16, shape: [4]) }
        == .notAPermutation)
    #expect(
      try code("perm") { $0["m.q.perm"] = Tensor(bits: [Int16(0), 1, 2, -1], dtype: .int16, shape: [4]) }
        == .notAPermutation)
  }

  /// A main code of 3 where there are 3 centroids, packed; and 16-bit codes of which one is negative.
  @Test func codesBeyondTheCodebook() throws {
    let three = LayerSettings(vectorLength: 3, centroidCount: 3, residualCentroidCount: 2)
    let book = Tensor([Float](repeating: 1, count: 9), shape: [1, 9])
    #expect(try code("indices", settings: three) { $0["m.q.centroids.weight"] = book } == .codeOutOfRange)
    let codes = Tensor(bits: [Int16(0), 1, 2, 3, 0, 1, 2, -1], dtype: .int16, shape: [1, 2, 4])
    #expect(try code("indices") { $0["m.q.indices"] = codes } == .codeOutOfRange)
  }

  @Test func outlierCodesBeyondTheCodebook() throws {
    let outliers = LayerSettings(
      vectorLength: 3, centroidCount: 4, residualCentroidCount: 2, outlierVectorLength: 2, outlierCentroidCount: 2,
      outlierSize: 1)
    let damage = { (code: Int16) in
      { (source: inout MemorySource) in
        source["m.q.outlier_centroids.weight"] = Tensor([1, 2, 3, 4], shape: [1, 4])
        source["m.q.outlier_indices"] = Tensor(bits: [Int16(0), 1, code], dtype: .int16, shape: [1, 3, 1])
      }
    }
    #expect(try code("outlier_indices", settings: outliers, damage(2)) == .codeOutOfRange)
    #expect(try code("outlier_indices", settings: outliers, damage(-1)) == .codeOutOfRange)
    var source = MemorySource(try SmallLayerTests.layer(), module: "m.q")
    damage(1)(&source)
    let layer = try VectorQuantizedLinear(
      reading: source, module: "m.q", settings: outliers, outFeatures: 5, inFeatures: 4)
    #expect(layer.outlierIndices?.shape == [1, 3, 1])
  }

  /// Case F08: tensors without settings.
  @Test func missingSettings() throws {
    let source = MemorySource(try SmallLayerTests.layer(), module: "m.q")
    let error = #expect(throws: VectorQuantizationError.self) {
      try VectorQuantizedLinear(reading: source, module: "m.q", settings: nil, outFeatures: 5, inFeatures: 4)
    }
    #expect(error?.code == .missingSettings && error?.message.contains("m.q") == true)
  }

  /// The model's dimensions are decisive (format section 2.2): wrong ones show as wrong shapes.
  @Test func otherDimensions() throws {
    var stated = settings
    stated.inFeatures = 999
    stated.groupSize = 77
    let source = MemorySource(try SmallLayerTests.layer(), module: "m.q")
    let layer = try VectorQuantizedLinear(
      reading: source, module: "m.q", settings: stated, outFeatures: 5, inFeatures: 4)
    #expect(layer.settings.inFeatures == 4 && layer.settings.groupSize == 4)
    let error = #expect(throws: VectorQuantizationError.self) {
      try VectorQuantizedLinear(reading: source, module: "m.q", settings: settings, outFeatures: 9, inFeatures: 4)
    }
    #expect(error?.code == .wrongShape)
  }
}
