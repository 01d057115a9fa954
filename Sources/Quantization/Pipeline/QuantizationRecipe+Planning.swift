package import VectorQuantization

extension QuantizationRecipe {
  /// The shape as a preset's name, with what departs from the preset.
  public var name: String {
    var name = "v\(vectorLength)-k\(centroidCount)-\(residualCentroidCount)"
    if outlierPercent > 0 { name += "-o\(outlierPercent)%v\(outlierVectorLength)k\(outlierCentroidCount)" }
    if groupCount > 1 { name += "-g\(groupCount)" }
    return name
  }

  /// The settings under which a matrix of this recipe is stored, checked against its shape.
  ///
  /// - Throws: `QuantizationError` (`invalidRecipe`) naming the module and the value.
  package func settings(outFeatures: Int, inFeatures: Int, module: String, bias: Bool) throws -> LayerSettings {
    let layout = try ColumnLayout(recipe: self, outFeatures: outFeatures, inFeatures: inFeatures, name: module)
    let settings = LayerSettings(
      vectorLength: vectorLength, centroidCount: centroidCount, residualCentroidCount: residualCentroidCount,
      outlierVectorLength: layout.outlierVectorLength,
      outlierCentroidCount: layout.outlierCount > 0 ? outlierCentroidCount : 0, outlierSize: layout.outlierCount,
      groupCount: groupCount, groupSize: layout.groupSize, normEnabled: normalize, permutationEnabled: permute,
      bias: bias, inFeatures: inFeatures, outFeatures: outFeatures)
    do {
      try settings.checkQuantizable(outFeatures: outFeatures, inFeatures: inFeatures, layer: module)
    } catch let error as VectorQuantizationError {
      throw QuantizationError(.invalidRecipe, error.message)
    }
    return settings
  }
}
