import Tensors
import Testing

@testable import Quantization

@Suite("Coordinate descent on codes")
struct CodeDescentTests {
  /// The case of Q19: `w = [0.4, 0.4]`, `H = [[1, .9], [.9, 1]]`, integers. From `[0, 0]`, column 0 should be at
  /// `0 + 0.4 + 0.9 · 0.4 = 0.76`, so it becomes 1; then column 1 at `0 + 0.9 · (−0.6) + 0.4 = −0.14` stays 0.
  @Test("Each column moves to the best value for the errors of all others")
  func byHand() {
    let layout = ColumnLayout(outFeatures: 1, inFeatures: 2, vectorLength: 1)
    let integers = CodebookSet(main: [[0, 1, 2, -1]])
    var codes = ColumnCodes(layout: layout, hasResidual: false)
    CodeDescent(
      assigner: ColumnAssigner(layout: layout, codebooks: integers, beamWidth: 1), metric: [1, 0.9, 0.9, 1],
      weights: [0.4, 0.4]
    ).improve(&codes)
    #expect(codes.main == [1, 0])
  }

  private struct Case {
    let layout: ColumnLayout
    let metric: [Float]
    let weights: [Float]
    let books: CodebookSet
    var codes: ColumnCodes

    var loss: Double {
      let error = QuadraticForm.difference(codes.decoded(books, layout: layout), weights)
      return QuadraticForm.value(metric, error, n: layout.inFeatures, columns: layout.stride)
    }

    mutating func descend() {
      CodeDescent(
        assigner: ColumnAssigner(layout: layout, codebooks: books, beamWidth: 8), metric: metric, weights: weights
      ).improve(&codes)
    }
  }

  /// 13 outputs, so the last vector is cut short; one outlier column; two groups; a residual stage; 141 columns, so that
  /// two blocks of columns are worked on.
  private func example() -> Case {
    let layout = ColumnLayout(
      outFeatures: 13, inFeatures: 141, vectorLength: 4, outlierVectorLength: 2, outlierCount: 1, groupCount: 2)
    let layer = SyntheticLayer(outFeatures: 13, inFeatures: 141)
    var random = CounterRandom(seed: 9)
    func book(_ count: Int, _ scale: Double) -> [Float] {
      (0..<count).map { _ in Float(scale * SyntheticLayer.gaussian(&random)) }
    }
    var weights = [Float](repeating: 0, count: 141 * layout.stride)
    for column in 0..<141 {
      for row in 0..<13 { weights[column * layout.stride + row] = 50 * layer.weight[row * 141 + column] }
    }
    let books = CodebookSet(
      outlier: book(4 * 2, 1), main: [book(8 * 4, 1), book(8 * 4, 1)], residual: [book(4 * 4, 0.4), book(4 * 4, 0.4)])
    return Case(
      layout: layout, metric: layer.secondMoment.map { Float($0) }, weights: weights, books: books,
      codes: ColumnCodes(layout: layout, hasResidual: true))
  }

  @Test("Passes lower the loss until no code of any vector can be changed for the better")
  func localOptimum() {
    var example = example()
    var losses = [example.loss]
    for _ in 0..<40 {
      example.descend()
      losses.append(example.loss)
    }
    #expect(zip(losses, losses.dropFirst()).allSatisfy { $1 <= $0 * (1 + 1e-6) })
    #expect(losses[1] < 0.7 * losses[0])
    #expect(losses.suffix(2).first == losses.last)
    let reached = example.loss
    // Codes come in pairs of main and residual; every one of the 32 pairs of some whole vectors is tried.
    for vector in stride(from: 0, to: 140 * example.layout.vectorRows, by: 37) where vector % 4 != 3 {
      let kept = (example.codes.main[vector], example.codes.residual[vector])
      for pair in 0..<32 {
        (example.codes.main[vector], example.codes.residual[vector]) = (Int32(pair / 4), Int32(pair % 4))
        #expect(example.loss >= reached * (1 - 1e-5))
      }
      (example.codes.main[vector], example.codes.residual[vector]) = kept
    }
  }

  @Test("The codes are the same at one, two and three threads")
  func threads() {
    let threads = WorkerPool.shared.threadCount
    defer { WorkerPool.shared.threadCount = threads }
    let results = [1, 2, 3].map { count in
      WorkerPool.shared.threadCount = count
      var example = example()
      example.descend()
      return example.codes.main
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
  }
}
