/// Quantizes one weight matrix for the least output error on the calibration data.
///
/// Clustering of the normalized weights, column-wise quantization with error feedback, refits of the codebooks to the
/// error-fed weights, a least-squares fit of the centroids, and rounds of coordinate descent on the codes. Of all candidates the one with the least loss
/// `tr(E H Eᵀ)` is kept, in whole units if the recipe wants them, which may cost a little of it. The result depends on the arguments alone, not on the number of threads.
package enum MatrixQuantizer {
  /// Quantizes `weight[outFeatures, inFeatures]` (row-major).
  ///
  /// - Parameters:
  ///   - secondMoment: `H = mean of x xᵀ`, `inFeatures × inFeatures`, both triangles filled.
  ///   - name: the layer, for messages.
  ///   - notices: what the caller should tell the user, one sentence each, is appended.
  /// - Throws: `QuantizationError` naming the layer: `invalidRecipe`, `shapeMismatch`, `nonFiniteWeight`,
  ///   `nonFiniteStatistic`, `notPositiveDefinite`.
  package static func quantize(
    weight: [Float], outFeatures: Int, inFeatures: Int, secondMoment: [Double], recipe: QuantizationRecipe,
    name: String, notices: inout [String]
  ) throws -> QuantizedMatrix {
    try recipe.validate()
    try check(weight, secondMoment, outFeatures: outFeatures, inFeatures: inFeatures, name: name)
    let layout = try ColumnLayout(recipe: recipe, outFeatures: outFeatures, inFeatures: inFeatures, name: name)
    let prepared = try PreparedMatrix(
      weight: weight, secondMoment: secondMoment, layout: layout, recipe: recipe, name: name, notices: &notices)
    let training = CodebookTraining(layout: layout, recipe: recipe, importance: prepared.importance)

    let initial = training.initial(prepared.weights, name: name, notices: &notices)
    var search = CandidateSearch(layout: layout, prepared: prepared, recipe: recipe)
    var (codebooks, targets) = search.quantize(with: initial.codebooks)
    for _ in 0..<(initial.isExact ? 0 : recipe.refitRounds) {
      codebooks = training.refit(codebooks, to: targets)
      (codebooks, targets) = search.quantize(with: codebooks)
    }
    if recipe.leastSquaresSteps > 0 { search.fitCentroids(step: "least squares") }
    for _ in 0..<(initial.isExact ? 0 : recipe.descentRounds) {
      search.descend()
      if recipe.leastSquaresSteps > 0 { search.fitCentroids(step: "descent") }
    }

    if !initial.isExact, recipe.roundsCentroids { search.roundCentroids() }

    var result = QuantizedMatrix(
      layout: layout, storageType: recipe.storageType, codebooks: search.best.codebooks, codes: search.best.codes,
      permutation: prepared.permutation, isPermuted: recipe.permute, normalization: prepared.normalization)
    result.relativeError = relativeError(
      of: result.decoded(), weight: weight, secondMoment: secondMoment, n: inFeatures)
    let unit = search.best.loss > 0 ? result.relativeError / search.best.loss : 0
    result.steps = search.steps.map { ($0.name, $0.loss * unit) }
    return result
  }

  private static func check(
    _ weight: [Float], _ h: [Double], outFeatures: Int, inFeatures: Int, name: String
  ) throws {
    guard outFeatures > 0, inFeatures > 0, weight.count == outFeatures * inFeatures,
      h.count == inFeatures * inFeatures
    else {
      throw QuantizationError(
        .shapeMismatch,
        "\(name): \(weight.count) weights and \(h.count) second moments do not belong to \(outFeatures) x \(inFeatures)"
      )
    }
    try FiniteWeights.check(weight, columns: inFeatures, name: name + ": weight")
    if let index = h.firstIndex(where: { !$0.isFinite }) {
      throw QuantizationError(
        .nonFiniteStatistic,
        "\(name): second moment[\(index / inFeatures), \(index % inFeatures)] of its input is "
          + "\(h[index].isNaN ? "nan" : "infinite"); the activations overflow, or a norm weight before it is damaged")
    }
  }

  /// `tr(E H Eᵀ) / tr(W H Wᵀ)` in the original coordinates; the identity stands in for an all-zero `H`.
  private static func relativeError(of decoded: [Float], weight: [Float], secondMoment h: [Double], n: Int) -> Double {
    let outputs = weight.count / n
    let mean = (0..<n).reduce(0.0) { $0 + h[$1 * n + $1] } / Double(n)
    var metric = h.map { Float(mean > 0 ? $0 / mean : 0) }
    if mean <= 0 {
      for i in 0..<n { metric[i * n + i] = 1 }
    }
    func transposed(_ matrix: [Float]) -> [Float] {
      var result = [Float](repeating: 0, count: matrix.count)
      result.withUnsafeMutableBufferPointer { result in
        matrix.withUnsafeBufferPointer { matrix in
          forRowBlocks(outputs) { rows in
            for column in 0..<n {
              for row in rows { result[column * outputs + row] = matrix[row * n + column] }
            }
          }
        }
      }
      return result
    }
    let reference = transposed(weight)
    let error = QuadraticForm.difference(transposed(decoded), reference)
    let numerator = max(0, QuadraticForm.value(metric, error, n: n, columns: outputs))
    guard numerator > 0 else { return 0 }
    return numerator / QuadraticForm.value(metric, reference, n: n, columns: outputs)
  }
}
