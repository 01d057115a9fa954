import Tensors

/// A weight matrix and its metric in the coordinates in which it is quantized: normalized, permuted, transposed.
///
/// With `ŵ_i = (w_i − shift_i) / scale_i` the loss `tr(E H Eᵀ)` has the metric `S H S`, `S = diag(scale)`; it is used
/// for clustering, error feedback and least squares alike.
struct PreparedMatrix {
  /// `inFeatures × stride`, storage order, zeros in the padding.
  let weights: [Float]
  /// `S H S` in storage order, its mean diagonal scaled to 1.
  let metric: [Float]
  /// The mean diagonal of `S H S`, over columns with a stake.
  let metricUnit: Double
  /// `U`, upper, with `(metric + damping)⁻¹ = Uᵀ U`.
  let factor: [Float]
  /// `1 / U_cc²`: what an error in column `c` costs once later columns have made up for it; 0 where nothing is at stake.
  let importance: [Double]
  /// Storage column `c` is input column `permutation[c]`.
  let permutation: [Int]
  let normalization: Normalization?

  /// Prepares `weight[outFeatures, inFeatures]` with the second moment `h[inFeatures, inFeatures]`, both finite.
  init(
    weight: [Float], secondMoment h: [Double], layout: ColumnLayout, recipe: QuantizationRecipe, name: String,
    notices: inout [String]
  ) throws {
    let (outputs, n) = (layout.outFeatures, layout.inFeatures)
    let normalization =
      recipe.normalize
      ? Normalization(weight: weight, outFeatures: outputs, inFeatures: n, type: recipe.storageType) : nil
    let diagonal = (0..<n).map { h[$0 * n + $0] }
    let isUnweighted = diagonal.allSatisfy { $0 == 0 }
    if isUnweighted {
      notices.append("\(name): no activation was ever nonzero; all inputs count the same")
    }
    let permutation =
      recipe.permute
      ? (0..<n).sorted { diagonal[$0] != diagonal[$1] ? diagonal[$0] > diagonal[$1] : $0 < $1 } : Array(0..<n)

    let scales = normalization?.scale ?? [Float](repeating: 1, count: n)
    weights = Self.transposed(
      weight, scales: scales, shifts: normalization?.shift, permutation: permutation, layout: layout)

    // The diagonal of `S H S`; without a second moment, the identity for columns that vary.
    let stakes = permutation.map { i in
      let scale = Double(scales[i])
      return isUnweighted ? (scale == 0 ? 0 : 1) : diagonal[i] == 0 ? 0 : scale * scale * diagonal[i]
    }
    let live = stakes.map { $0 != 0 }
    let liveCount = live.count { $0 }
    var unit = 1.0
    if liveCount > 0 {
      let mean = stakes.reduce(0, +) / Double(liveCount)
      guard mean > 0, mean.isFinite else {
        throw QuantizationError(
          .notPositiveDefinite, "\(name): the second moment has mean diagonal \(mean); collect the statistics again")
      }
      unit = mean
    }
    let metric: [Double]
    if isUnweighted {
      var identity = [Double](repeating: 0, count: n * n)
      for i in 0..<n { identity[i * n + i] = stakes[i] / unit }
      metric = identity
    } else {
      metric = Self.metric(h, diagonal: diagonal, scales: scales, permutation: permutation, unit: unit)
    }
    let upper = try Self.factor(metric, live: live, n: n, damping: recipe.damping, name: name, notices: &notices)
    metricUnit = unit
    self.metric = metric.map(Float.init)
    factor = upper.values
    importance = (0..<n).map { live[$0] ? 1 / (upper.diagonal[$0] * upper.diagonal[$0]) : 0 }
    self.permutation = permutation
    self.normalization = normalization
  }

  /// The normalized weights in storage order, zeros in the padding and where a column is its shift.
  private static func transposed(
    _ weight: [Float], scales: [Float], shifts: [Float]?, permutation: [Int], layout: ColumnLayout
  ) -> [Float] {
    let (n, stride) = (layout.inFeatures, layout.stride)
    var result = [Float](repeating: 0, count: n * stride)
    result.withUnsafeMutableBufferPointer { result in
      weight.withUnsafeBufferPointer { weight in
        forRowBlocks(layout.outFeatures) { rows in
          for (column, source) in permutation.enumerated() {
            let (shift, scale) = (shifts?[source] ?? 0, scales[source])
            guard scale != 0 else { continue }
            for row in rows { result[column * stride + row] = (weight[row * n + source] - shift) / scale }
          }
        }
      }
    }
    return result
  }

  /// `S H S` in storage order, in units of `unit`; zeros for inputs that were never used.
  private static func metric(
    _ h: [Double], diagonal: [Double], scales: [Float], permutation: [Int], unit: Double
  ) -> [Double] {
    let n = permutation.count
    var result = [Double](repeating: 0, count: n * n)
    result.withUnsafeMutableBufferPointer { result in
      h.withUnsafeBufferPointer { h in
        forRowBlocks(n) { rows in
          for (column, j) in permutation.enumerated() where diagonal[j] != 0 {
            let scale = Double(scales[j])
            for row in rows {
              let i = permutation[row]
              guard diagonal[i] != 0 else { continue }
              result[row * n + column] = Double(scales[i]) * scale * 0.5 * (h[i * n + j] + h[j * n + i]) / unit
            }
          }
        }
      }
    }
    return result
  }

  /// `U` of the damped metric, and its diagonal in full precision. Columns without a stake get the diagonal 1; damping rises tenfold, up to 10, until the
  /// matrix can be factored.
  private static func factor(
    _ metric: [Double], live: [Bool], n: Int, damping: Double, name: String, notices: inout [String]
  ) throws -> (values: [Float], diagonal: [Double]) {
    var share = damping
    while true {
      var damped = metric
      for i in 0..<n { damped[i * n + i] = (live[i] ? metric[i * n + i] : 1) + share }
      if let upper = LinearAlgebra.choleskyUpperOfInverse(consume damped, n: n) {
        let diagonal = (0..<n).map { upper[$0 * n + $0] }
        if diagonal.allSatisfy({ $0 > 0 }) { return (upper.map(Float.init), diagonal) }
      }
      guard share * 10 <= 10.000_001 else {
        throw QuantizationError(
          .notPositiveDefinite,
          "\(name): the second moment cannot be factored even with damping \(share); use more calibration text")
      }
      share *= 10
      notices.append("\(name): the second moment is not positive definite; damping raised to \(share)")
    }
  }
}
