import Tensors

/// Vectors with a weight each: what a codebook is trained on.
struct WeightedVectors {
  /// `count × dimension`, row-major.
  var values: [Float]
  /// One weight per vector, all positive.
  var weights: [Double]
  let dimension: Int

  var count: Int { weights.count }

  /// Rows per parallel chunk; depends on the count alone, so sums come out the same at any thread count.
  var chunkSize: Int { max(4096, (count + 15) / 16) }

  /// The vectors of columns `columns` of a transposed matrix; weight of a vector is its column's `importance` times
  /// the share of its entries that are not padding. Vectors of weight 0 are left out.
  init(
    columns: Range<Int>, of matrix: [Float], layout: ColumnLayout, vectorLength: Int, importance: [Double]
  ) {
    dimension = vectorLength
    let rows = (layout.outFeatures + vectorLength - 1) / vectorLength
    values = []
    weights = []
    values.reserveCapacity(columns.count * rows * vectorLength)
    weights.reserveCapacity(columns.count * rows)
    for column in columns where importance[column] > 0 {
      let base = column * layout.stride
      values.append(contentsOf: matrix[base..<base + rows * vectorLength])
      for row in 0..<rows {
        let valid = min(vectorLength, layout.outFeatures - row * vectorLength)
        weights.append(importance[column] * Double(valid) / Double(vectorLength))
      }
    }
  }

  init(values: [Float], weights: [Double], dimension: Int) {
    self.values = values
    self.weights = weights
    self.dimension = dimension
  }

  /// One vector, drawn by `seed`, of each of `size` stretches of equal length; all vectors if they are no more.
  func sample(_ size: Int, seed: UInt64) -> WeightedVectors {
    guard size < count else { return self }
    let random = CounterRandom(seed: seed, stream: 4)
    var result = WeightedVectors(values: [], weights: [], dimension: dimension)
    result.values.reserveCapacity(size * dimension)
    result.weights.reserveCapacity(size)
    for stretch in 0..<size {
      let (first, end) = (stretch * count / size, (stretch + 1) * count / size)
      let index = min(end - 1, first + Int(random.uniform(at: UInt64(stretch)) * Double(end - first)))
      result.values.append(contentsOf: values[index * dimension..<(index + 1) * dimension])
      result.weights.append(weights[index])
    }
    return result
  }

  /// The distinct vectors in order of first appearance, or nil if there are more than `limit`.
  func distinct(limit: Int) -> [Float]? {
    var seen = Set<[UInt32]>()
    var found: [Float] = []
    for n in 0..<count {
      let vector = values[n * dimension..<(n + 1) * dimension]
      // Adding zero makes -0 and 0 one value.
      if seen.insert(vector.map { ($0 + 0).bitPattern }).inserted {
        if seen.count > limit { return nil }
        found.append(contentsOf: vector)
      }
    }
    return found
  }
}
