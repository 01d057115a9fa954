import Tensors
package import VectorQuantization

extension QuantizedMatrix {
  /// The matrix as a checkpoint layer of the format's packed form.
  package func layer(module: String, settings: LayerSettings) throws -> VectorQuantizedLinear {
    let codes = codesInStorageOrder()
    let hasResidual = settings.hasResidual
    let packed =
      hasResidual
      ? zip(codes.main, codes.residual).map { $0 | $1 << UInt32(settings.mainBits) } : codes.main
    func codebook(_ values: [Float], count: Int, groups: Int, length: Int) -> Codebook {
      Codebook(
        values + [Float](repeating: 0, count: groups * count * length - values.count), groupCount: groups, count: count,
        vectorLength: length, dtype: storageType)
    }
    let (v, groups) = (settings.vectorLength, settings.groupCount)
    let outlierIndices =
      settings.hasOutliers
      ? Tensor(
        bits: codes.outlier.map { UInt16($0) }, dtype: .int16,
        shape: [1, layout.outlierVectorRows, layout.outlierCount]) : nil
    let columns: Shape = [layout.inFeatures]
    return try VectorQuantizedLinear(
      module: module, settings: settings, outFeatures: layout.outFeatures, inFeatures: layout.inFeatures,
      centroids: codebook(codebooks.main.flatMap(\.self), count: settings.centroidCount, groups: groups, length: v),
      residualCentroids: hasResidual
        ? codebook(
          codebooks.residual.flatMap(\.self), count: settings.residualCentroidCount, groups: groups, length: v) : nil,
      indices: PackedIndices(
        packing: packed, groupCount: groups, rowCount: layout.vectorRows, columnCount: layout.groupSize,
        codeBits: settings.codeBits),
      outlierCentroids: settings.hasOutliers
        ? codebook(
          codebooks.outlier, count: settings.outlierCentroidCount, groups: 1, length: settings.outlierVectorLength)
        : nil,
      outlierIndices: outlierIndices,
      permutation: isPermuted ? try Permutation(permutation.map(UInt32.init)) : nil,
      scale: normalization.map { Tensor($0.scale, shape: columns, dtype: storageType) },
      shift: normalization.map { Tensor($0.shift, shape: columns, dtype: storageType) })
  }
}
