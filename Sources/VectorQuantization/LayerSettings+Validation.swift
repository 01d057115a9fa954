extension LayerSettings {
  /// These settings for a layer of the model's own dimensions: group size, input and output width are filled in.
  ///
  /// - Throws: `VectorQuantizationError` (`badSettings`) that names `layer`, the key and its legal values.
  public func resolved(outFeatures: Int, inFeatures: Int, layer: String) throws -> LayerSettings {
    try check(layer: layer)
    let dimensions = 1...Int(Int32.max)
    guard dimensions.contains(outFeatures), dimensions.contains(inFeatures) else {
      throw Self.error(layer, "a layer of \(outFeatures) x \(inFeatures) is not possible")
    }
    guard outlierSize < inFeatures else {
      throw Self.error(layer, "outlier_size \(outlierSize) must be below the input width \(inFeatures)")
    }
    guard (inFeatures - outlierSize) % groupCount == 0 else {
      throw Self.error(
        layer,
        "group_num \(groupCount) must divide the \(inFeatures - outlierSize) columns that are not outliers")
    }
    if permutationEnabled, isPacked, inFeatures > Self.centroidLimit {
      throw Self.error(
        layer, "input width \(inFeatures) is above \(Self.centroidLimit), the most that a 16-bit permutation holds")
    }
    var result = self
    result.groupSize = (inFeatures - outlierSize) / groupCount
    result.outFeatures = outFeatures
    result.inFeatures = inFeatures
    return result
  }

  /// What can be checked without the layer's dimensions.
  func check(layer: String) throws {
    guard 1...Self.vectorLengthLimit ~= vectorLength else {
      throw Self.error(layer, "vector length \(vectorLength) must be 1 to \(Self.vectorLengthLimit)")
    }
    try Self.check(layer, "num_centroids", centroidCount)
    if hasResidual { try Self.check(layer, "num_res_centroids", residualCentroidCount) }
    guard residualCentroidCount >= 0 else {
      throw Self.error(layer, "num_res_centroids \(residualCentroidCount) must be 0 or 2 to \(Self.centroidLimit)")
    }
    guard 1...Int(Int32.max) ~= groupCount else {
      throw Self.error(layer, "group_num \(groupCount) must be at least 1")
    }
    guard 0...Int(Int32.max) ~= outlierSize else {
      throw Self.error(layer, "outlier_size \(outlierSize) must be at least 0")
    }
    if hasOutliers {
      guard 2...Self.vectorLengthLimit ~= outlierVectorLength else {
        throw Self.error(
          layer,
          "outlier_size \(outlierSize) needs an outlier vector length of 2 to \(Self.vectorLengthLimit) as first"
            + " item of vector_lens, not \(outlierVectorLength)")
      }
      try Self.check(layer, "num_centroids for outliers", outlierCentroidCount)
    }
  }

  /// Refuses settings that a quantizer cannot use for a layer of these dimensions, before any work: vectors longer
  /// than the layer's outputs, or more centroids than there are vectors to place them on.
  ///
  /// - Throws: `VectorQuantizationError` (`badSettings`) with the layer and the largest legal value.
  public func checkQuantizable(outFeatures: Int, inFeatures: Int, layer: String) throws {
    let settings = try resolved(outFeatures: outFeatures, inFeatures: inFeatures, layer: layer)
    guard vectorLength <= outFeatures else {
      throw Self.error(layer, "vector length \(vectorLength) must be at most the output width \(outFeatures)")
    }
    guard outlierVectorLength <= outFeatures else {
      throw Self.error(
        layer, "outlier vector length \(outlierVectorLength) must be at most the output width \(outFeatures)")
    }
    let vectors = settings.vectorsPerGroup
    guard max(centroidCount, residualCentroidCount) <= vectors else {
      throw Self.error(
        layer,
        "\(max(centroidCount, residualCentroidCount)) centroids for \(vectors) vectors; use at most \(vectors)")
    }
  }

  /// Vectors that share one codebook, `N·g`; more centroids than this are of no use. Needs resolved settings.
  public var vectorsPerGroup: Int { vectorRows(outFeatures: outFeatures ?? 1) * max(groupSize, 0) }

  private static func check(_ layer: String, _ key: String, _ count: Int) throws {
    guard 2...centroidLimit ~= count else {
      throw error(layer, "\(key) \(count) must be 2 to \(centroidLimit)")
    }
  }

  static func error(_ layer: String, _ reason: String) -> VectorQuantizationError {
    VectorQuantizationError(.badSettings, "\(layer): \(reason)")
  }
}
