package import Tensors

/// One matrix as codes and codebooks, with what it takes to decode it.
package struct QuantizedMatrix: Sendable {
  package let layout: ColumnLayout
  /// Type of centroids, scales and shifts; their values here are already rounded to it.
  package let storageType: DType
  package let codebooks: CodebookSet
  package let codes: ColumnCodes
  /// Storage column `c` is input column `permutation[c]`; the identity if the recipe does not permute.
  package let permutation: [Int]
  /// Whether the permutation has to be stored.
  package let isPermuted: Bool
  /// Scales and shifts per input column, or nil if the recipe does not normalize.
  package let normalization: Normalization?
  /// `tr(E H Eᵀ) / tr(W H Wᵀ)` of the decoded matrix; 0 where the decoded matrix is exact.
  package internal(set) var relativeError = 0.0
  /// The least relative error after each step of the recipe, from nearest centroids to descent.
  package internal(set) var steps: [(name: String, relativeError: Double)] = []

  /// The dense matrix `[outFeatures, inFeatures]`, in the order of the original columns (format section 5).
  package func decoded() -> [Float] {
    let transposed = codes.decoded(codebooks, layout: layout)
    let (outputs, inputs) = (layout.outFeatures, layout.inFeatures)
    var result = [Float](repeating: 0, count: outputs * inputs)
    result.withUnsafeMutableBufferPointer { result in
      transposed.withUnsafeBufferPointer { transposed in
        forRowBlocks(outputs) { rows in
          for (column, target) in permutation.enumerated() {
            let scale = normalization?.scale[target] ?? 1
            let shift = normalization?.shift[target] ?? 0
            for row in rows {
              result[row * inputs + target] = transposed[column * layout.stride + row] * scale + shift
            }
          }
        }
      }
    }
    return result
  }

  /// Main and residual codes as `[G][N][g]`, and outlier codes as `[No][S]`, the order of the stored tensors.
  package func codesInStorageOrder() -> (main: [UInt32], residual: [UInt32], outlier: [UInt32]) {
    let rows = layout.vectorRows
    func transpose(_ list: [Int32]) -> [UInt32] {
      guard !list.isEmpty else { return [] }
      var result: [UInt32] = []
      result.reserveCapacity(list.count)
      for group in 0..<layout.groupCount {
        for row in 0..<rows {
          for column in 0..<layout.groupSize {
            result.append(UInt32(list[(group * layout.groupSize + column) * rows + row]))
          }
        }
      }
      return result
    }
    let outlierRows = layout.outlierVectorRows
    let outlier = (0..<outlierRows).flatMap { row in
      (0..<layout.outlierCount).map { UInt32(codes.outlier[$0 * outlierRows + row]) }
    }
    return (transpose(codes.main), transpose(codes.residual), outlier)
  }
}
