/// Some of a matrix's output rows, evenly spread, with their codes: enough to fit a few centroids to.
struct RowSample {
  /// The layout of the matrix of these rows.
  let layout: ColumnLayout
  private let source: ColumnLayout
  /// The first row of each run of `rowAlignment` rows that are kept.
  private let runs: [Int]

  /// At least `rows` rows in whole runs, or nil where that is no fewer than all.
  init?(_ source: ColumnLayout, rows: Int) {
    let run = source.rowAlignment
    let all = source.outFeatures / run
    let count = (rows + run - 1) / run
    guard count < all else { return nil }
    self.source = source
    runs = (0..<count).map { $0 * all / count * run }
    layout = ColumnLayout(
      outFeatures: count * run, inFeatures: source.inFeatures, vectorLength: source.vectorLength,
      outlierVectorLength: source.outlierVectorLength, outlierCount: source.outlierCount, groupCount: source.groupCount)
  }

  /// The kept rows of a transposed matrix.
  func weights(_ matrix: [Float]) -> [Float] {
    gather(matrix, columns: source.inFeatures, stride: source.stride, unit: 1)
  }

  /// The codes of the kept rows.
  func codes(_ codes: ColumnCodes) -> ColumnCodes {
    var result = ColumnCodes(layout: layout, hasResidual: !codes.residual.isEmpty)
    let columns = source.inFeatures - source.outlierCount
    result.main = gather(codes.main, columns: columns, stride: source.vectorRows, unit: source.vectorLength)
    if !codes.residual.isEmpty {
      result.residual = gather(codes.residual, columns: columns, stride: source.vectorRows, unit: source.vectorLength)
    }
    if source.outlierCount > 0 {
      result.outlier = gather(
        codes.outlier, columns: source.outlierCount, stride: source.outlierVectorRows, unit: source.outlierVectorLength)
    }
    return result
  }

  /// The elements of the kept rows from `columns` columns of `stride` elements, each of which stands for `unit` rows.
  private func gather<Element>(_ list: [Element], columns: Int, stride: Int, unit: Int) -> [Element] {
    let length = source.rowAlignment / unit
    var result: [Element] = []
    result.reserveCapacity(columns * runs.count * length)
    for column in 0..<columns {
      for run in runs {
        let first = column * stride + run / unit
        result.append(contentsOf: list[first..<first + length])
      }
    }
    return result
  }
}
