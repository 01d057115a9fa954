import Tensors

extension VectorQuantizedLinear {
  /// Checks every part against the settings (format section 12).
  func validate() throws {
    let rows = settings.vectorRows(outFeatures: outFeatures)
    try check(centroids, "centroids.weight", count: settings.centroidCount, length: settings.vectorLength)
    if let book = try present(residualCentroids, "res_centroids.weight", settings.hasResidual) {
      try check(book, "res_centroids.weight", count: settings.residualCentroidCount, length: settings.vectorLength)
    }
    guard indices.groupCount == settings.groupCount, indices.rowCount == rows,
      indices.columnCount == settings.groupSize, indices.codeBits == settings.codeBits
    else {
      throw error(
        .wrongShape, "indices",
        "needs \(settings.groupCount) groups of \(rows) rows of \(settings.groupSize) codes of \(settings.codeBits) bits"
      )
    }
    try checkCodes()
    if let book = try present(outlierCentroids, "outlier_centroids.weight", settings.hasOutliers) {
      guard book.groupCount == 1, book.count == settings.outlierCentroidCount,
        book.vectorLength == settings.outlierVectorLength
      else {
        throw error(
          .wrongShape, "outlier_centroids.weight",
          "needs \(settings.outlierCentroidCount) centroids of \(settings.outlierVectorLength) values")
      }
    }
    if let codes = try present(outlierIndices, "outlier_indices", settings.hasOutliers) {
      try check(codes, "outlier_indices", [1, settings.outlierRows(outFeatures: outFeatures), settings.outlierSize])
      guard codes.dtype == .int16 else { throw error(.wrongType, "outlier_indices", "must be I16") }
      try checkRange(
        codes.codes(name: path("outlier_indices")), "outlier_indices", limit: settings.outlierCentroidCount)
    }
    if let permutation = try present(permutation, "perm", settings.permutationEnabled),
      permutation.indices.count != inFeatures
    {
      throw error(.wrongShape, "perm", "has \(permutation.indices.count) entries; the layer has \(inFeatures) inputs")
    }
    let width = settings.normAxis == .input ? inFeatures : outFeatures
    for (tensor, name) in [(scale, "weight_scale"), (shift, "weight_bias")] {
      if let tensor = try present(tensor, name, settings.normEnabled) { try checkModelType(tensor, name, [width]) }
    }
    if let bias { try checkModelType(bias, "bias", [outFeatures]) }
  }

  private func path(_ name: String) -> String { "\(module).\(name)" }

  private func error(_ code: VectorQuantizationError.Code, _ name: String, _ reason: String) -> VectorQuantizationError
  {
    VectorQuantizationError(code, "\(path(name)) \(reason)")
  }

  private func present<Part>(_ part: Part?, _ name: String, _ expected: Bool) throws -> Part? {
    guard (part != nil) == expected else {
      throw error(
        expected ? .missingTensor : .badSettings, name,
        expected ? "is missing; the layer's settings need it" : "is given although the settings have no such part")
    }
    return part
  }

  private func check(_ book: Codebook, _ name: String, count: Int, length: Int) throws {
    guard book.groupCount == settings.groupCount, book.count == count, book.vectorLength == length else {
      throw error(.wrongShape, name, "needs \(settings.groupCount) groups of \(count) centroids of \(length) values")
    }
  }

  private func check(_ tensor: Tensor, _ name: String, _ shape: Shape) throws {
    guard tensor.shape == shape else {
      throw error(.wrongShape, name, "has shape \(tensor.shape); the layer's settings need \(shape)")
    }
  }

  private func checkModelType(_ tensor: Tensor, _ name: String, _ shape: Shape) throws {
    try check(tensor, name, shape)
    guard tensor.dtype.isModelType else {
      throw error(.wrongType, name, "has type \(tensor.dtype.rawValue); it must be F16, BF16 or F32")
    }
  }

  /// Codebooks of a power of two cannot be missed by a masked code; the others are checked code by code.
  private func checkCodes() throws {
    if settings.centroidCount < 1 << settings.mainBits {
      try checkRange(mainCodes(), "indices", limit: settings.centroidCount)
    }
    if settings.hasResidual, settings.residualCentroidCount < 1 << settings.residualBits {
      try checkRange(residualCodes() ?? [], "indices (residual)", limit: settings.residualCentroidCount)
    }
  }

  private func checkRange(_ codes: [UInt32], _ name: String, limit: Int) throws {
    if let position = codes.firstIndex(where: { Int($0) >= limit }) {
      throw error(
        .codeOutOfRange, name, "holds code \(codes[position]) at position \(position); codes are below \(limit)")
    }
  }
}
