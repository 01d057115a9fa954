import Tensors

/// Weighted k-means: k-means++ seeding and Lloyd iterations, the same at any thread count.
struct KMeans {
  /// Iterations at most; fewer once the weighted distortion falls by less than one part in 100,000.
  var iterations: Int
  var seed: UInt64
  /// Vectors per centroid that Lloyd iterations work on; where there are more, a sample of them.
  var sampleLimit = Int.max

  /// A codebook of `count` centroids for `vectors`, or exactly their distinct values, filled up with zeros, when they
  /// are no more than `count`. `used` is the number of entries that are in use.
  func train(_ vectors: WeightedVectors, count: Int) -> (centroids: [Float], used: Int, isExact: Bool) {
    if let exact = vectors.distinct(limit: count) {
      let padding = [Float](repeating: 0, count: count * vectors.dimension - exact.count)
      return (exact + padding, exact.count / vectors.dimension, true)
    }
    return (refine(vectors, centroids: KMeansSeeding(seed: seed).seed(vectors, count: count)), count, false)
  }

  /// Lloyd iterations from `centroids`: every vector to its nearest centroid, every centroid to the weighted mean of
  /// its vectors. A centroid without vectors moves to the vector that costs most.
  ///
  /// After iterations on a sample there is one more on all vectors.
  func refine(_ vectors: WeightedVectors, centroids: [Float]) -> [Float] {
    let (size, overflows) = sampleLimit.multipliedReportingOverflow(by: centroids.count / vectors.dimension)
    guard !overflows, size < vectors.count else { return iterate(vectors, centroids: centroids) }
    var result = iterate(vectors.sample(size, seed: seed), centroids: centroids)
    let codes = nearest(vectors, book: BlockedCodebook(result, dimension: vectors.dimension), hints: nil).codes
    CentroidMeans.update(&result, vectors: vectors, codes: codes)
    return result
  }

  private func iterate(_ vectors: WeightedVectors, centroids start: [Float]) -> [Float] {
    var centroids = start
    var previous = Double.infinity
    var codes: [Int32]?
    for _ in 0..<iterations {
      let book = BlockedCodebook(centroids, dimension: vectors.dimension)
      let assignment = nearest(vectors, book: book, hints: codes)
      codes = assignment.codes
      let emptied = CentroidMeans.update(&centroids, vectors: vectors, codes: assignment.codes)
      if !emptied.isEmpty { move(emptied, of: &centroids, to: vectors, costs: assignment.costs) }
      let distortion = assignment.costs.reduce(0, +)
      if emptied.isEmpty, previous - distortion <= 1e-5 * distortion { break }
      previous = distortion
    }
    return centroids
  }

  private func nearest(
    _ vectors: WeightedVectors, book: BlockedCodebook, hints: [Int32]?
  ) -> (codes: [Int32], costs: [Double]) {
    var codes = hints ?? [Int32](repeating: 0, count: vectors.count)
    var costs = [Double](repeating: 0, count: vectors.count)
    let d = vectors.dimension
    let chunk = vectors.chunkSize
    vectors.values.withUnsafeBufferPointer { values in
      codes.withUnsafeMutableBufferPointer { codes in
        costs.withUnsafeMutableBufferPointer { costs in
          guard let x = values.baseAddress, let code = codes.baseAddress else { return }
          parallelFor((vectors.count + chunk - 1) / chunk) { index in
            let first = index * chunk
            let count = min(chunk, vectors.count - first)
            var scores = [Float](repeating: 0, count: count)
            // A vector's hint is read before its code is written.
            book.nearest(
              x + first * d, count: count, hints: hints == nil ? nil : UnsafePointer(code + first),
              indices: code + first, scores: &scores)
            for n in 0..<count {
              var squared: Float = 0
              for e in 0..<d { squared += x[(first + n) * d + e] * x[(first + n) * d + e] }
              costs[first + n] = vectors.weights[first + n] * max(0, Double(2 * scores[n] + squared))
            }
          }
        }
      }
    }
    return (codes, costs)
  }

  private func move(_ emptied: [Int], of centroids: inout [Float], to vectors: WeightedVectors, costs: [Double]) {
    let d = vectors.dimension
    let order = costs.indices.sorted { costs[$0] != costs[$1] ? costs[$0] > costs[$1] : $0 < $1 }
    for (centroid, vector) in zip(emptied, order) {
      for e in 0..<d { centroids[centroid * d + e] = vectors.values[vector * d + e] }
    }
  }
}
