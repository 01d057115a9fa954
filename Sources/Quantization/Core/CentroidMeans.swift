import Tensors

/// Weighted means of the vectors that share a code.
enum CentroidMeans {
  /// Sets each centroid to the mean of its vectors, less what `other` already gives each of them, and returns the
  /// centroids that have no vector, which keep their value.
  ///
  /// Sums are in Double, by fixed chunks added in order.
  @discardableResult
  static func update(
    _ centroids: inout [Float], vectors: WeightedVectors, codes: [Int32],
    other: (centroids: [Float], codes: [Int32])? = nil
  ) -> [Int] {
    let d = vectors.dimension
    let count = centroids.count / d
    let chunk = vectors.chunkSize
    let chunks = (vectors.count + chunk - 1) / chunk
    let width = d + 1
    var partial = [Double](repeating: 0, count: chunks * count * width)
    partial.withUnsafeMutableBufferPointer { partial in
      vectors.values.withUnsafeBufferPointer { x in
        vectors.weights.withUnsafeBufferPointer { weights in
          codes.withUnsafeBufferPointer { codes in
            parallelFor(chunks) { index in
              let base = index * count * width
              for n in index * chunk..<min((index + 1) * chunk, weights.count) {
                let w = weights[n]
                let slot = base + Int(codes[n]) * width
                for e in 0..<d { partial[slot + e] += w * Double(x[n * d + e]) }
                partial[slot + d] += w
              }
              guard let other else { return }
              other.centroids.withUnsafeBufferPointer { values in
                other.codes.withUnsafeBufferPointer { otherCodes in
                  for n in index * chunk..<min((index + 1) * chunk, weights.count) {
                    let slot = base + Int(codes[n]) * width
                    let from = Int(otherCodes[n]) * d
                    for e in 0..<d { partial[slot + e] -= weights[n] * Double(values[from + e]) }
                  }
                }
              }
            }
          }
        }
      }
      for index in 1..<max(chunks, 1) {
        for i in 0..<count * width { partial[i] += partial[index * count * width + i] }
      }
    }
    var emptied: [Int] = []
    for k in 0..<count {
      let weight = partial[k * width + d]
      guard weight > 0 else {
        emptied.append(k)
        continue
      }
      for e in 0..<d { centroids[k * d + e] = Float(partial[k * width + e] / weight) }
    }
    return emptied
  }
}
