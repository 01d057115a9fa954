import Foundation
import Tensors

/// First centroids of k-means.
///
/// Up to `samplingLimit` centroids: k-means++ (each next centroid drawn with probability proportional to weight times
/// squared distance to the nearest so far) on a random subset. Above: a weighted draw without replacement.
struct KMeansSeeding {
  static let samplingLimit = 4096

  var seed: UInt64

  /// How many vectors k-means++ chooses `count` centroids from.
  static func sampleSize(_ count: Int) -> Int { count > 1024 ? 8 * count : max(4096, 32 * count) }

  /// `count` centroids, taken from `vectors`, which has more than `count`.
  func seed(_ vectors: WeightedVectors, count: Int) -> [Float] {
    count > Self.samplingLimit ? drawWeighted(vectors, count: count) : plusPlus(vectors, count: count)
  }

  private func plusPlus(_ vectors: WeightedVectors, count: Int) -> [Float] {
    let d = vectors.dimension
    let sample = subset(of: vectors, size: Self.sampleSize(count))
    let n = sample.count
    var random = CounterRandom(seed: seed, stream: 1)
    var centroids = [Float](repeating: 0, count: count * d)
    var costs = sample.weights
    var distances = [Float](repeating: .infinity, count: n)
    var total = costs.reduce(0, +)
    sample.values.withUnsafeBufferPointer { x in
      distances.withUnsafeMutableBufferPointer { distances in
        costs.withUnsafeMutableBufferPointer { costs in
          for k in 0..<count {
            let threshold = random.uniform() * total
            var chosen = n - 1
            var sum = 0.0
            for i in 0..<n {
              sum += costs[i]
              if sum > threshold {
                chosen = i
                break
              }
            }
            for e in 0..<d { centroids[k * d + e] = x[chosen * d + e] }
            total = 0
            for i in 0..<n {
              var squared: Float = 0
              for e in 0..<d {
                let difference = x[i * d + e] - x[chosen * d + e]
                squared += difference * difference
              }
              if squared < distances[i] {
                distances[i] = squared
                costs[i] = sample.weights[i] * Double(squared)
              }
              total += costs[i]
            }
          }
        }
      }
    }
    return centroids
  }

  private func subset(of vectors: WeightedVectors, size: Int) -> WeightedVectors {
    guard vectors.count > size else { return vectors }
    let d = vectors.dimension
    let random = CounterRandom(seed: seed, stream: 2)
    var values: [Float] = []
    var weights: [Double] = []
    values.reserveCapacity(size * d)
    for draw in 0..<size {
      let index = min(vectors.count - 1, Int(random.uniform(at: UInt64(draw)) * Double(vectors.count)))
      values.append(contentsOf: vectors.values[index * d..<(index + 1) * d])
      weights.append(vectors.weights[index])
    }
    return WeightedVectors(values: values, weights: weights, dimension: d)
  }

  /// The `count` largest keys `log(u) / w` (Efraimidis and Spirakis).
  private func drawWeighted(_ vectors: WeightedVectors, count: Int) -> [Float] {
    let d = vectors.dimension
    let random = CounterRandom(seed: seed, stream: 3)
    let keys = vectors.weights.indices.map { log(max(random.uniform(at: UInt64($0)), 0x1p-53)) / vectors.weights[$0] }
    let order = keys.indices.sorted { keys[$0] != keys[$1] ? keys[$0] > keys[$1] : $0 < $1 }
    return order.prefix(count).flatMap { vectors.values[$0 * d..<($0 + 1) * d] }
  }
}
