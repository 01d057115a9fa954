import CKernels

/// Where the codes of a matrix are written: the lists of `ColumnCodes`.
struct CodeSink {
  let main: UnsafeMutablePointer<Int32>?
  let residual: UnsafeMutablePointer<Int32>?
  let outlier: UnsafeMutablePointer<Int32>?
}

/// The codebooks of a matrix, ready to choose the codes of any piece of any column.
struct ColumnAssigner {
  let layout: ColumnLayout
  private let outlier: VectorAssigner?
  private let groups: [VectorAssigner]

  init(layout: ColumnLayout, codebooks: CodebookSet, beamWidth: Int) {
    self.layout = layout
    outlier =
      layout.outlierCount == 0
      ? nil
      : VectorAssigner(
        main: codebooks.outlier, residual: nil, dimension: layout.outlierVectorLength, beamWidth: beamWidth)
    groups = codebooks.main.indices.map { group in
      VectorAssigner(
        main: codebooks.main[group], residual: codebooks.residual.isEmpty ? nil : codebooks.residual[group],
        dimension: layout.vectorLength, beamWidth: beamWidth)
    }
  }

  var hasResidual: Bool { groups.first?.residual != nil }

  /// The codebooks and code lists of a piece of a column, from the vector that holds row `firstRow`.
  struct Piece {
    let assigner: VectorAssigner
    let main: UnsafeMutablePointer<Int32>
    let residual: UnsafeMutablePointer<Int32>?

    /// The sums of the coded centroids of `count` vectors.
    func decode(count: Int, into values: UnsafeMutablePointer<Float>) {
      let d = assigner.main.dimension
      assigner.main.centroids.withUnsafeBufferPointer { centroids in
        for n in 0..<count {
          let from = Int(main[n]) * d
          for e in 0..<d { values[n * d + e] = centroids[from + e] }
        }
      }
      guard let residual, let book = assigner.residual else { return }
      book.centroids.withUnsafeBufferPointer { centroids in
        for n in 0..<count {
          let from = Int(residual[n]) * d
          for e in 0..<d { values[n * d + e] += centroids[from + e] }
        }
      }
    }
  }

  /// The piece of `column` that begins with row `firstRow`, the first of a vector; nil without a list for it.
  func piece(column: Int, firstRow: Int, sink: CodeSink) -> Piece? {
    if let group = layout.group(ofColumn: column) {
      let first = (column - layout.outlierCount) * layout.vectorRows + firstRow / layout.vectorLength
      return sink.main.map {
        Piece(assigner: groups[group], main: $0 + first, residual: sink.residual.map { $0 + first })
      }
    }
    guard let outlier, let codes = sink.outlier else { return nil }
    let first = column * layout.outlierVectorRows + firstRow / layout.outlierVectorLength
    return Piece(assigner: outlier, main: codes + first, residual: nil)
  }
}
