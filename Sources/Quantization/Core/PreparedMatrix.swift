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

    var transposed = [Float](repeating: 0, count: n * layout.stride)
    for (column, source) in permutation.enumerated() {
      let shift = normalization?.shift[source] ?? 0
      let scale = normalization?.scale[source] ?? 1
      guard scale != 0 else { continue }
      for row in 0..<outputs {
        transposed[column * layout.stride + row] = (weight[row * n + source] - shift) / scale
      }
    }

    var metric = [Double](repeating: 0, count: n * n)
    for (row, i) in permutation.enumerated() {
      let rowScale = Double(normalization?.scale[i] ?? 1)
      if isUnweighted {
        metric[row * n + row] = rowScale == 0 ? 0 : 1
        continue
      }
      guard diagonal[i] != 0 else { continue }
      for (column, j) in permutation.enumerated() where diagonal[j] != 0 {
        metric[row * n + column] =
          rowScale * Double(normalization?.scale[j] ?? 1) * 0.5 * (h[i * n + j] + h[j * n + i])
      }
    }
    let live = (0..<n).map { metric[$0 * n + $0] != 0 }
    let liveCount = live.count { $0 }
    var unit = 1.0
    if liveCount > 0 {
      let mean = (0..<n).reduce(0.0) { $0 + metric[$1 * n + $1] } / Double(liveCount)
      guard mean > 0, mean.isFinite else {
        throw QuantizationError(
          .notPositiveDefinite, "\(name): the second moment has mean diagonal \(mean); collect the statistics again")
      }
      for i in metric.indices { metric[i] /= mean }
      unit = mean
    }
    let upper = try Self.factor(metric, live: live, n: n, damping: recipe.damping, name: name, notices: &notices)
    weights = transposed
    metricUnit = unit
    self.metric = metric.map(Float.init)
    factor = upper.values
    importance = (0..<n).map { live[$0] ? 1 / (upper.diagonal[$0] * upper.diagonal[$0]) : 0 }
    self.permutation = permutation
    self.normalization = normalization
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
