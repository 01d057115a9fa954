import Tensors
import Testing

@testable import VectorQuantization

@Suite("Counting codes")
struct CodeCountsTests {
  /// 2 groups of 40 rows and 5 columns, vectors of 2, 6 main and 3 residual centroids.
  private func layer(main: [UInt32], residual: [UInt32]?) throws -> VectorQuantizedLinear {
    let settings = LayerSettings(
      vectorLength: 2, centroidCount: 6, residualCentroidCount: residual == nil ? 0 : 3, groupCount: 2, groupSize: 5,
      normEnabled: false, permutationEnabled: false)
    func book(_ count: Int) -> Codebook {
      Codebook(
        [Float](repeating: 0.5, count: 2 * count * 2), groupCount: 2, count: count, vectorLength: 2, dtype: .float16)
    }
    return try VectorQuantizedLinear(
      module: "layer", settings: settings, outFeatures: 80, inFeatures: 10, centroids: book(6),
      residualCentroids: residual == nil ? nil : book(3),
      indices: PackedIndices(
        main: main, residual: residual, settings: settings, groupCount: 2, rowCount: 40, columnCount: 5))
  }

  @Test("Counts are those of the codes, group by group, whatever the number of threads", arguments: [1, 3])
  func counts(threads: Int) throws {
    let before = WorkerPool.shared.threadCount
    WorkerPool.shared.threadCount = threads
    defer { WorkerPool.shared.threadCount = before }
    let main = (0..<400).map { UInt32($0 * $0 % 6) }
    let residual = (0..<400).map { UInt32($0 % 7 % 3) }
    let counts = try layer(main: main, residual: residual).codeCounts()
    func count(_ codes: [UInt32], _ limit: Int) -> [[Int]] {
      [codes.prefix(200), codes.suffix(200)].map { half in
        (0..<limit).map { code in half.filter { $0 == code }.count }
      }
    }
    #expect(counts == CodeCounts(main: count(main, 6), residual: count(residual, 3)))
    #expect(try layer(main: main, residual: nil).codeCounts().residual == nil)
  }
}
