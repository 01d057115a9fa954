extension VectorQuantizedLinear {
  /// The same layer with its columns stored in their original order and without a permutation (format section 9).
  ///
  /// - Throws: `VectorQuantizationError` (`cannotAbsorbPermutation`) for layers with groups or outliers, whose columns
  ///   cannot be mixed.
  public func absorbingPermutation() throws -> VectorQuantizedLinear {
    guard let permutation else { return self }
    guard settings.groupCount == 1, !settings.hasOutliers else {
      throw VectorQuantizationError(
        .cannotAbsorbPermutation, "\(module): a permutation can be absorbed only with one group and without outliers")
    }
    let inverse = permutation.inverse
    let columns = indices.columnCount
    let old = indices.unpacked()
    var codes = old
    for row in 0..<indices.rowCount {
      for column in 0..<columns { codes[row * columns + column] = old[row * columns + Int(inverse[column])] }
    }
    var plain = settings
    plain.permutationEnabled = false
    return try VectorQuantizedLinear(
      module: module, settings: plain, outFeatures: outFeatures, inFeatures: inFeatures, centroids: centroids,
      residualCentroids: residualCentroids,
      indices: PackedIndices(
        packing: codes, rowCount: indices.rowCount, columnCount: columns, codeBits: indices.codeBits),
      scale: scale, shift: shift, bias: bias)
  }
}
