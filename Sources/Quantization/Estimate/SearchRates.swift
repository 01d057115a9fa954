import Foundation
import Tensors

/// What one vector costs when a recipe's codes are chosen, in seconds of one processor, measured on Gaussian vectors.
struct SearchRates {
  /// The nearest of the main centroids.
  let main: Double
  /// The nearest of the residual centroids.
  let residual: Double
  /// Main and residual code as the recipe chooses them.
  let codes: Double
  /// The share in the mean of its centroid.
  let mean: Double
}

extension SearchRates {
  /// Measures, for a tenth of a second or so.
  init(_ recipe: QuantizationRecipe) {
    let d = recipe.vectorLength
    let (k, r) = (recipe.centroidCount, recipe.residualCentroidCount)
    var random = CounterRandom(seed: 1)
    // Nearly Gaussian, which is enough here.
    func values(_ count: Int, scale: Float) -> [Float] {
      (0..<count * d).map { _ in
        scale * Float(random.uniform() + random.uniform() + random.uniform() + random.uniform() - 2) * 1.7
      }
    }
    // So many that no processor learns their order.
    let count = 8192
    let vectors = values(count, scale: 1)
    let centroids = values(k, scale: 1)
    let rest = values(r, scale: pow(Float(k), -1 / Float(d)))
    var codes = [Int32](repeating: 0, count: count)
    func nearest(_ centroids: [Float]) -> Double {
      let book = BlockedCodebook(centroids, dimension: d)
      var scores = [Float](repeating: 0, count: count)
      return ProcessorTime.seconds { book.nearest(vectors, count: count, indices: &codes, scores: &scores) }
        / Double(count)
    }
    main = nearest(centroids)
    residual = r == 0 ? 0 : nearest(rest)
    if r == 0 {
      self.codes = main
    } else {
      let assigner = VectorAssigner(main: centroids, residual: rest, dimension: d, beamWidth: recipe.beamWidth)
      var residualCodes = codes
      self.codes =
        ProcessorTime.seconds {
          assigner.assign(vectors, count: count, mainCodes: &codes, residualCodes: &residualCodes)
        } / Double(count)
    }
    let weighted = WeightedVectors(values: vectors, weights: [Double](repeating: 1, count: count), dimension: d)
    var moved = Array(centroids.prefix(256 * d))
    let used = codes.map { $0 % Int32(moved.count / d) }
    mean =
      ProcessorTime.seconds {
        CentroidMeans.update(&moved, vectors: weighted, codes: used, other: (centroids, codes))
      } / Double(count)
  }
}
