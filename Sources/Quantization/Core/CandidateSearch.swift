/// The best codes and codebooks of a prepared matrix so far, by the loss `tr(E H Eᵀ)`.
struct CandidateSearch {
  /// Codebooks as stored, codes, and the loss of the two.
  struct Candidate {
    var codebooks: CodebookSet
    var codes: ColumnCodes
    var loss: Double
  }

  let layout: ColumnLayout
  let prepared: PreparedMatrix
  let recipe: QuantizationRecipe
  private(set) var best: Candidate
  /// The least loss after each step, in the order of the steps; the first entry is the loss of nearest centroids.
  private(set) var steps: [(name: String, loss: Double)] = []

  init(layout: ColumnLayout, prepared: PreparedMatrix, recipe: QuantizationRecipe) {
    self.layout = layout
    self.prepared = prepared
    self.recipe = recipe
    best = Candidate(
      codebooks: CodebookSet(main: []), codes: ColumnCodes(layout: layout, hasResidual: false), loss: .infinity)
  }

  /// Rounds the codebooks to the stored type, quantizes all columns with them and keeps the outcome if it is better.
  ///
  /// Returns the rounded codebooks and the error-fed weights, to which they can be refitted.
  mutating func quantize(with codebooks: CodebookSet) -> (codebooks: CodebookSet, targets: [Float]) {
    let rounded = codebooks.rounded(to: recipe.storageType)
    let quantizer = ColumnwiseQuantizer(layout: layout, codebooks: rounded, beamWidth: recipe.beamWidth)
    let isFirst = steps.isEmpty
    if isFirst {
      let nearest = quantizer.run(weights: prepared.weights, factor: prepared.factor, feedback: false)
      consider(rounded, nearest.codes, step: "nearest")
      guard recipe.feedback else { return (rounded, nearest.targets) }
    }
    let pass = quantizer.run(weights: prepared.weights, factor: prepared.factor, feedback: recipe.feedback)
    consider(rounded, pass.codes, step: isFirst ? "feedback" : "refit")
    return (rounded, pass.targets)
  }

  /// Fits the centroids to the best codes by least squares, on a sample of the rows where that is enough, and keeps the
  /// outcome, rounded, if it is better.
  mutating func fitCentroids(step: String) {
    let sample = RowSample(layout, rows: rowsToFit)
    let solver = CodebookLeastSquares(
      layout: sample?.layout ?? layout, metric: prepared.metric,
      weights: sample?.weights(prepared.weights) ?? prepared.weights)
    let fitted = solver.solve(
      codes: sample?.codes(best.codes) ?? best.codes, start: best.codebooks, steps: recipe.leastSquaresSteps)
    consider(fitted.rounded(to: recipe.storageType), best.codes, step: step)
  }

  /// Rows in which every codebook has as many vectors as the recipe wants for its centroids.
  private var rowsToFit: Int {
    let vectors = (recipe.centroidCount + recipe.residualCentroidCount) * recipe.sample
    let rows = (vectors + layout.groupSize - 1) / layout.groupSize * layout.vectorLength
    guard layout.outlierCount > 0 else { return rows }
    let outliers = recipe.outlierCentroidCount * recipe.sample
    return max(rows, (outliers + layout.outlierCount - 1) / layout.outlierCount * layout.outlierVectorLength)
  }

  /// Chooses the codes of the best candidate again by coordinate descent and keeps the outcome.
  mutating func descend() {
    var codes = best.codes
    CodeDescent(
      assigner: ColumnAssigner(layout: layout, codebooks: best.codebooks, beamWidth: recipe.beamWidth),
      metric: prepared.metric, weights: prepared.weights
    ).improve(&codes)
    consider(best.codebooks, codes, step: "descent")
  }

  /// What whole units may cost of the loss. A few matrices that one column of huge activations rules cannot have them: bytes are too coarse for it, and the
  /// kernels' finer bytes for such columns (`PlaneBytes`) serve them better.
  private static let roundingTolerance = 0.005

  /// Takes the centroids of the best candidate in whole units, unless that costs too much.
  mutating func roundCentroids() {
    let sample = RowSample(layout, rows: rowsToFit)
    let rows = sample?.layout ?? layout
    let rounding = CentroidRounding(layout: rows, metric: prepared.metric, storageType: recipe.storageType)
    let rounded = rounding.rounded(
      best.codebooks, codes: sample?.codes(best.codes) ?? best.codes,
      loss: best.loss * Double(rows.outFeatures) / Double(layout.outFeatures))
    let before = best
    best.loss = .infinity
    consider(rounded.rounded(to: recipe.storageType), best.codes, step: "whole units")
    guard best.loss > (1 + Self.roundingTolerance) * before.loss else { return }
    best = before
    steps.removeLast()
  }

  private mutating func consider(_ codebooks: CodebookSet, _ codes: ColumnCodes, step: String) {
    let error = QuadraticForm.difference(codes.decoded(codebooks, layout: layout), prepared.weights)
    let loss = QuadraticForm.value(prepared.metric, error, n: layout.inFeatures, columns: layout.stride)
    if loss < best.loss { best = Candidate(codebooks: codebooks, codes: codes, loss: loss) }
    if steps.last?.name == step { steps.removeLast() }
    steps.append((step, best.loss))
  }
}
