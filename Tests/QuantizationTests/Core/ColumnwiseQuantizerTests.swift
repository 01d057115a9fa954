import Tensors
import TestSupport
import Testing

@testable import Quantization

@Suite("Column-wise quantization")
struct ColumnwiseQuantizerTests {
  @Test(
    "Given weights, factor and centroids of the reference, the codes are the reference's",
    .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)),
    arguments: AlgorithmVectors.names)
  func referenceCodes(name: String) throws {
    let vectors = try AlgorithmVectors(name)
    let groups = 1...vectors.settings.group_num
    let result = ColumnwiseQuantizer(layout: vectors.layout, codebooks: vectors.codebooks, beamWidth: 1)
      .run(weights: vectors.preparedWeights, factor: vectors.values("U", as: Float.self))
    #expect(result.codes.main == groups.flatMap { vectors.columns("indices", group: $0) })
    #expect(result.codes.residual == groups.flatMap { vectors.columns("res_indices", group: $0) })
    #expect(result.codes.outlier == vectors.columns("indices", group: 0))
  }

  /// Shared case Q19: `w = [0.4, 0.4]`, `H = [[1, .9], [.9, 1]]`, integers as centroids.
  @Test("The error of the first weight moves the second from 0.4 to 0.76 and its code from 0 to 1")
  func propagation() throws {
    let h = [1.0, 0.9, 0.9, 1.0]
    let factor = try #require(LinearAlgebra.choleskyUpperOfInverse(h, n: 2)).map { Float($0) }
    let layout = ColumnLayout(outFeatures: 1, inFeatures: 2, vectorLength: 1)
    let integers = CodebookSet(main: [[0, 1, 2, -1]])
    let quantizer = ColumnwiseQuantizer(layout: layout, codebooks: integers, beamWidth: 1)
    func loss(_ codes: ColumnCodes) -> Double {
      let error = QuadraticForm.difference(codes.decoded(integers, layout: layout), [0.4, 0.4])
      return QuadraticForm.value(h.map { Float($0) }, error, n: 2, columns: 1)
    }
    let fed = quantizer.run(weights: [0.4, 0.4], factor: factor)
    #expect(abs(fed.targets[1] - 0.76) < 1e-6)
    #expect(fed.codes.main == [0, 1])
    #expect(abs(loss(fed.codes) - 0.088) < 1e-6)
    let nearest = quantizer.run(weights: [0.4, 0.4], factor: factor, feedback: false)
    #expect(nearest.codes.main == [0, 0])
    #expect(abs(loss(nearest.codes) - 0.608) < 1e-6)
  }
}
