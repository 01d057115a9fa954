public import Checkpoints
import Tensors

extension VectorQuantizedLinear {
  /// Reads the layer `module` (for instance `model.layers.0.self_attn.q_proj`) in packed or unpacked form.
  ///
  /// `outFeatures` and `inFeatures` are the model's own dimensions. Which optional tensors exist decides over
  /// `enable_norm`, `enable_perm` and `bias` where the settings leave them off.
  ///
  /// - Throws: `VectorQuantizationError` that names the module and the tensor at fault (format section 12), or an error
  ///   of the source.
  public init(
    reading source: any TensorSource, module: String, settings: LayerSettings?, outFeatures: Int, inFeatures: Int
  ) throws {
    guard var settings else {
      throw VectorQuantizationError(
        .missingSettings,
        "\(module) holds vector-quantized tensors, but config.json has no settings for it")
    }
    let reader = LayerReader(source: source, module: module)
    settings.normEnabled = settings.normEnabled || reader.contains("weight_scale")
    settings.permutationEnabled = settings.permutationEnabled || reader.contains("perm")
    let resolved = try settings.resolved(outFeatures: outFeatures, inFeatures: inFeatures, layer: module)
    let groups = resolved.groupCount
    let centroids = try reader.codebook(
      "centroids.weight", groups: groups, count: resolved.centroidCount, length: resolved.vectorLength)
    let residualCentroids =
      resolved.hasResidual
      ? try reader.codebook(
        "res_centroids.weight", groups: groups, count: resolved.residualCentroidCount, length: resolved.vectorLength)
      : nil
    let outlierCentroids =
      resolved.hasOutliers
      ? try reader.codebook(
        "outlier_centroids.weight", groups: 1, count: resolved.outlierCentroidCount,
        length: resolved.outlierVectorLength)
      : nil
    try self.init(
      module: module, settings: resolved, outFeatures: outFeatures, inFeatures: inFeatures, centroids: centroids,
      residualCentroids: residualCentroids, indices: reader.indices(resolved, outFeatures: outFeatures),
      outlierCentroids: outlierCentroids,
      outlierIndices: resolved.hasOutliers ? reader.outlierIndices(resolved, outFeatures: outFeatures) : nil,
      permutation: resolved.permutationEnabled
        ? Permutation(reading: reader.tensor("perm"), count: inFeatures, name: "\(module).perm") : nil,
      scale: resolved.normEnabled ? reader.tensor("weight_scale") : nil,
      shift: resolved.normEnabled ? reader.tensor("weight_bias") : nil,
      bias: reader.contains("bias") ? reader.tensor("bias") : nil)
  }
}

/// The tensors of one module.
private struct LayerReader {
  let source: any TensorSource
  let module: String

  func path(_ name: String) -> String { "\(module).\(name)" }

  func contains(_ name: String) -> Bool { source.contains(path(name)) }

  func tensor(_ name: String) throws -> Tensor {
    guard contains(name) else {
      throw VectorQuantizationError(.missingTensor, "\(path(name)) is missing; the layer's settings need it")
    }
    return try source.tensor(named: path(name))
  }

  func codebook(_ name: String, groups: Int, count: Int, length: Int) throws -> Codebook {
    try Codebook(tensor(name), groupCount: groups, count: count, vectorLength: length, name: path(name))
  }

  /// Packed words as they are, or 16- and 64-bit codes packed here; the dtype tells which (format section 3.2).
  func indices(_ settings: LayerSettings, outFeatures: Int) throws -> PackedIndices {
    let main = try tensor("indices")
    let groups = settings.groupCount, rows = settings.vectorRows(outFeatures: outFeatures)
    if main.dtype == .int32 || main.dtype == .uint32 {
      return try PackedIndices(
        main, groupCount: groups, rowCount: rows, columnCount: settings.groupSize, codeBits: settings.codeBits,
        name: path("indices"))
    }
    let shape: Shape = [groups, rows, settings.groupSize]
    let mainCodes = try codes(main, "indices", shape: shape, limit: settings.centroidCount)
    let residualCodes =
      settings.hasResidual
      ? try codes(tensor("res_indices"), "res_indices", shape: shape, limit: settings.residualCentroidCount) : nil
    return PackedIndices(
      main: mainCodes, residual: residualCodes, settings: settings, groupCount: groups, rowCount: rows,
      columnCount: settings.groupSize)
  }

  /// Outlier codes as I16, whatever integer type they are stored in.
  func outlierIndices(_ settings: LayerSettings, outFeatures: Int) throws -> Tensor {
    let tensor = try tensor("outlier_indices")
    let shape: Shape = [1, settings.outlierRows(outFeatures: outFeatures), settings.outlierSize]
    if tensor.dtype == .int16 { return tensor }
    let values = try codes(tensor, "outlier_indices", shape: shape, limit: settings.outlierCentroidCount)
    return Tensor(bits: values.map { UInt16(truncatingIfNeeded: $0) }, dtype: .int16, shape: shape)
  }

  private func codes(_ tensor: Tensor, _ name: String, shape: Shape, limit: Int) throws -> [UInt32] {
    guard tensor.shape == shape else {
      throw VectorQuantizationError(
        .wrongShape, "\(path(name)) has shape \(tensor.shape); the layer's settings need \(shape)")
    }
    let values = try tensor.codes(name: path(name))
    if let position = values.firstIndex(where: { Int($0) >= limit }) {
      throw VectorQuantizationError(
        .codeOutOfRange,
        "\(path(name)) holds code \(values[position]) at position \(position); codes are below \(limit)")
    }
    return values
  }
}
