import Tensors

/// The codes of one matrix, column by column in storage order.
package struct ColumnCodes: Sendable {
  /// `[inFeatures - outlierCount][N]`: main codes of the columns after the outliers.
  package var main: [Int32]
  /// As `main`; empty without a residual stage.
  package var residual: [Int32]
  /// `[outlierCount][No]`.
  package var outlier: [Int32]

  init(layout: ColumnLayout, hasResidual: Bool) {
    let count = (layout.inFeatures - layout.outlierCount) * layout.vectorRows
    main = [Int32](repeating: 0, count: count)
    residual = [Int32](repeating: 0, count: hasResidual ? count : 0)
    outlier = [Int32](repeating: 0, count: layout.outlierCount * layout.outlierVectorRows)
  }

  /// The quantized matrix, transposed as `ColumnLayout` says, with zeros in the padding.
  package func decoded(_ codebooks: CodebookSet, layout: ColumnLayout) -> [Float] {
    var result = [Float](repeating: 0, count: layout.inFeatures * layout.stride)
    result.withUnsafeMutableBufferPointer { result in
      parallelFor(layout.inFeatures) { column in
        let base = column * layout.stride
        guard let group = layout.group(ofColumn: column) else {
          Self.add(
            codebooks.outlier, codes: outlier, first: column * layout.outlierVectorRows,
            dimension: layout.outlierVectorLength, rows: layout.outFeatures, to: result, at: base)
          return
        }
        let first = (column - layout.outlierCount) * layout.vectorRows
        Self.add(
          codebooks.main[group], codes: main, first: first, dimension: layout.vectorLength,
          rows: layout.outFeatures, to: result, at: base)
        if !residual.isEmpty {
          Self.add(
            codebooks.residual[group], codes: residual, first: first, dimension: layout.vectorLength,
            rows: layout.outFeatures, to: result, at: base)
        }
      }
    }
    return result
  }

  private static func add(
    _ centroids: [Float], codes: [Int32], first: Int, dimension d: Int, rows: Int,
    to result: UnsafeMutableBufferPointer<Float>, at base: Int
  ) {
    centroids.withUnsafeBufferPointer { centroids in
      codes.withUnsafeBufferPointer { codes in
        for n in 0..<(rows + d - 1) / d {
          let from = Int(codes[first + n]) * d
          for e in 0..<min(d, rows - n * d) { result[base + n * d + e] += centroids[from + e] }
        }
      }
    }
  }
}
