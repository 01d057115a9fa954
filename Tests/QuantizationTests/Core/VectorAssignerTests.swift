import Tensors
import Testing

@testable import Quantization

@Suite("Vector assignment and clustering")
struct VectorAssignerTests {
  private func gaussian(_ count: Int, seed: UInt64) -> [Float] {
    var random = CounterRandom(seed: seed)
    return (0..<count).map { _ in Float(SyntheticLayer.gaussian(&random)) }
  }

  private func distortion(_ vectors: WeightedVectors, _ assigner: VectorAssigner) -> Double {
    let codes = JointTraining.assign(vectors, by: assigner)
    let d = vectors.dimension
    var sum = 0.0
    for n in 0..<vectors.count {
      for e in 0..<d {
        var q = assigner.main.centroids[Int(codes.main[n]) * d + e]
        if let residual = assigner.residual { q += residual.centroids[Int(codes.residual[n]) * d + e] }
        let difference = Double(vectors.values[n * d + e] - q)
        sum += difference * difference
      }
    }
    return sum / Double(vectors.count * d)
  }

  private func unweighted(_ values: [Float], dimension: Int) -> WeightedVectors {
    WeightedVectors(
      values: values, weights: [Double](repeating: 1, count: values.count / dimension), dimension: dimension)
  }

  @Test("A wider beam is never worse than the greedy choice, and all pairs are best")
  func beam() {
    let vectors = unweighted(gaussian(2000 * 8, seed: 4), dimension: 8)
    let main = gaussian(64 * 8, seed: 5)
    let residual = gaussian(64 * 8, seed: 6).map { $0 * 0.5 }
    let few = Array(residual[..<(16 * 8)])
    // 64 · 128 pairs are above the limit of the table, 64 · 16 are below it.
    let many = residual + gaussian(64 * 8, seed: 7).map { $0 * 0.3 }
    func value(_ residual: [Float], _ width: Int) -> Double {
      distortion(vectors, VectorAssigner(main: main, residual: residual, dimension: 8, beamWidth: width))
    }
    #expect(value(many, 8) < value(many, 1))
    #expect(value(many, 64) <= value(many, 8))
    #expect(value(few, 2) < value(few, 1))
  }

  @Test("Vectors whose beams are searched together get the codes that each gets alone")
  func together() {
    let vectors = gaussian(150 * 8, seed: 4)
    let assigner = VectorAssigner(
      main: gaussian(64 * 8, seed: 5), residual: gaussian(128 * 8, seed: 6).map { $0 * 0.5 }, dimension: 8, beamWidth: 8
    )
    func codes(_ range: Range<Int>) -> (main: [Int32], residual: [Int32]) {
      var main = [Int32](repeating: -1, count: range.count)
      var residual = main
      vectors.withUnsafeBufferPointer {
        guard let base = $0.baseAddress else { return }
        assigner.assign(base + 8 * range.lowerBound, count: range.count, mainCodes: &main, residualCodes: &residual)
      }
      return (main, residual)
    }
    let all = codes(0..<150)
    let alone = (0..<150).map { codes($0..<$0 + 1) }
    #expect(all.main == alone.flatMap(\.main) && all.residual == alone.flatMap(\.residual))
    #expect(Set(all.main).count > 10 && codes(0..<0).main.isEmpty)
  }

  @Test("A beam over all main centroids finds the pair that a plain double loop finds")
  func exhaustive() {
    let (d, k, r) = (4, 16, 512)
    let x = gaussian(200 * d, seed: 8)
    let main = gaussian(k * d, seed: 9)
    let residual = gaussian(r * d, seed: 10).map { $0 * 0.4 }
    let vectors = unweighted(x, dimension: d)
    let codes = JointTraining.assign(
      vectors, by: VectorAssigner(main: main, residual: residual, dimension: d, beamWidth: k))
    var mismatches = 0
    for n in 0..<200 {
      var best = (cost: Double.infinity, main: 0, residual: 0)
      for i in 0..<k {
        for j in 0..<r {
          let cost = (0..<d).reduce(0.0) {
            let difference = Double(x[n * d + $1]) - Double(main[i * d + $1]) - Double(residual[j * d + $1])
            return $0 + difference * difference
          }
          if cost < best.cost - 1e-6 { best = (cost, i, j) }
        }
      }
      if Int(codes.main[n]) != best.main || Int(codes.residual[n]) != best.residual { mismatches += 1 }
    }
    #expect(mismatches <= 1)
  }

  /// Distortions of an independent Gaussian source measured once with an independent implementation: v4 k256 0.0976,
  /// v4 k256+16 0.0296.
  @Test("Codebooks for a Gaussian source reach the known distortion")
  func gaussianSource() {
    let vectors = unweighted(gaussian(50_000 * 4, seed: 11), dimension: 4)
    let fresh = unweighted(gaussian(50_000 * 4, seed: 12), dimension: 4)
    let means = KMeans(iterations: 12, seed: 0)
    var main = means.train(vectors, count: 256).centroids
    let plain = distortion(fresh, VectorAssigner(main: main, residual: nil, dimension: 4, beamWidth: 1))
    #expect(abs(plain - 0.0976) < 0.03 * 0.0976)
    var rest = vectors
    let codes = JointTraining.assign(
      vectors, by: VectorAssigner(main: main, residual: nil, dimension: 4, beamWidth: 1)
    ).main
    for n in 0..<vectors.count {
      for e in 0..<4 { rest.values[n * 4 + e] -= main[Int(codes[n]) * 4 + e] }
    }
    var residual = means.train(rest, count: 16).centroids
    JointTraining.refine(main: &main, residual: &residual, vectors: vectors, beamWidth: 8, rounds: 4)
    let pair = distortion(fresh, VectorAssigner(main: main, residual: residual, dimension: 4, beamWidth: 8))
    #expect(abs(pair - 0.0296) < 0.04 * 0.0296)
  }

  @Test("A centroid that loses all its vectors moves to the vector that costs most")
  func emptyCluster() {
    let vectors = unweighted([0, 1, 2, 10, 11, 12, 30], dimension: 1)
    let refined = KMeans(iterations: 5, seed: 0).refine(vectors, centroids: [1, 11, 500])
    #expect(refined.sorted() == [1, 11, 30])
  }

  @Test("A sample that covers all vectors changes nothing, a smaller one little")
  func sampledClustering() {
    let vectors = unweighted(gaussian(8192 * 4, seed: 13), dimension: 4)
    func train(_ limit: Int) -> [Float] {
      KMeans(iterations: 8, seed: 3, sampleLimit: limit).train(vectors, count: 64).centroids
    }
    func value(_ centroids: [Float]) -> Double {
      distortion(vectors, VectorAssigner(main: centroids, residual: nil, dimension: 4, beamWidth: 1))
    }
    let all = train(Int.max)
    #expect(train(128) == all)
    let sampled = train(64)
    #expect(sampled != all && sampled == train(64))
    // Means of 64 vectors lie within a sixty-fourth of the variance of a cluster from those of all.
    #expect(value(sampled) < value(all) * (1 + 1.0 / 64))
  }

  @Test("A sample holds one vector of each stretch")
  func stretches() {
    let vectors = unweighted((0..<100).map(Float.init), dimension: 1)
    let sample = vectors.sample(10, seed: 1)
    #expect(sample.values.enumerated().allSatisfy { Int($1) / 10 == $0 })
    #expect(vectors.sample(100, seed: 1).values == vectors.values)
  }
}
