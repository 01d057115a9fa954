import Testing

@testable import Quantization

@Suite("Samples of rows")
struct RowSampleTests {
  /// Row `r` of column `c` is `100 c + r`, and so is the code of the vector that starts there.
  @Test("Whole runs of rows, with their codes, evenly spread")
  func runs() throws {
    // Outlier vectors of 3 rows, others of 2: runs of 6 rows, of which 20 rows have 3, and 2 rows left over.
    let layout = ColumnLayout(
      outFeatures: 20, inFeatures: 3, vectorLength: 2, outlierVectorLength: 3, outlierCount: 1)
    var weights = [Float](repeating: 0, count: 3 * layout.stride)
    var codes = ColumnCodes(layout: layout, hasResidual: true)
    for column in 0..<3 {
      for row in 0..<20 { weights[column * layout.stride + row] = Float(100 * column + row) }
    }
    for vector in 0..<layout.outlierVectorRows { codes.outlier[vector] = Int32(3 * vector) }
    for column in 1..<3 {
      for vector in 0..<layout.vectorRows {
        codes.main[(column - 1) * layout.vectorRows + vector] = Int32(100 * column + 2 * vector)
        codes.residual[(column - 1) * layout.vectorRows + vector] = Int32(vector)
      }
    }
    #expect(RowSample(layout, rows: 13) == nil)
    let sample = try #require(RowSample(layout, rows: 7))
    // Runs 0 and 1 of 3.
    #expect(sample.layout.outFeatures == 12 && sample.layout.stride == 12)
    #expect(sample.weights(weights) == [0, 100, 200].flatMap { column in (0..<12).map { Float(column + $0) } })
    let kept = sample.codes(codes)
    #expect(kept.outlier == [0, 3, 6, 9])
    #expect(kept.main == [100, 200].flatMap { column in (0..<6).map { Int32(column + 2 * $0) } })
    #expect(kept.residual == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5])
    let one = try #require(RowSample(layout, rows: 1))
    #expect(one.weights(weights).prefix(6) == [0, 1, 2, 3, 4, 5])
  }
}
