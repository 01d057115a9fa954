/// Training of all codebooks of a matrix on its weights, each vector weighted by its column's importance.
struct CodebookTraining {
  let layout: ColumnLayout
  let recipe: QuantizationRecipe
  let importance: [Double]

  private var hasResidual: Bool { recipe.residualCentroidCount > 0 }

  /// Codebooks for the prepared `weights` by clustering, residual stage and joint rounds.
  ///
  /// `isExact` means that every weight has its own value in a codebook, so that there is nothing left to refine.
  func initial(
    _ weights: [Float], name: String, notices: inout [String]
  ) -> (codebooks: CodebookSet, isExact: Bool) {
    var isExact = true
    var codebooks = CodebookSet(main: [])
    if layout.outlierCount > 0 {
      let vectors = self.vectors(0..<layout.outlierCount, of: weights, length: layout.outlierVectorLength)
      let trained = KMeans(
        iterations: recipe.kMeansIterations, seed: recipe.seed, sampleLimit: recipe.sample
      ).train(vectors, count: recipe.outlierCentroidCount)
      codebooks.outlier = trained.centroids
      isExact = trained.isExact
      note(trained.used, of: recipe.outlierCentroidCount, in: "the outlier codebook", name: name, notices: &notices)
    }
    for group in 0..<layout.groupCount {
      let vectors = self.vectors(layout.columns(ofGroup: group), of: weights, length: layout.vectorLength)
      let (main, residual, used, groupIsExact) = train(vectors, group: group)
      codebooks.main.append(main)
      if let residual { codebooks.residual.append(residual) }
      isExact = isExact && groupIsExact
      note(used, of: recipe.centroidCount, in: "main codebook \(group)", name: name, notices: &notices)
    }
    return (codebooks, isExact)
  }

  private func train(
    _ vectors: WeightedVectors, group: Int
  ) -> (main: [Float], residual: [Float]?, used: Int, isExact: Bool) {
    let means = KMeans(
      iterations: recipe.kMeansIterations, seed: recipe.seed &+ UInt64(group + 1) &* 0x9E37_79B9_7F4A_7C15,
      sampleLimit: recipe.sample)
    let trained = means.train(vectors, count: recipe.centroidCount)
    var main = trained.centroids
    guard hasResidual else { return (main, nil, trained.used, trained.isExact) }
    let d = vectors.dimension
    if trained.isExact {
      let zeros = [Float](repeating: 0, count: recipe.residualCentroidCount * d)
      return (main, zeros, trained.used, true)
    }
    let codes = JointTraining.assign(
      vectors, by: VectorAssigner(main: main, residual: nil, dimension: d, beamWidth: 1)
    ).main
    var rest = vectors
    for n in 0..<vectors.count {
      for e in 0..<d { rest.values[n * d + e] -= main[Int(codes[n]) * d + e] }
    }
    var residual = means.train(rest, count: recipe.residualCentroidCount).centroids
    JointTraining.refine(
      main: &main, residual: &residual, vectors: vectors, beamWidth: recipe.beamWidth, rounds: recipe.jointRounds)
    return (main, residual, trained.used, false)
  }

  /// The codebooks moved to fit the error-fed weights `targets` of a pass: two joint rounds, or three Lloyd
  /// iterations without a residual stage.
  func refit(_ codebooks: CodebookSet, to targets: [Float]) -> CodebookSet {
    var result = codebooks
    let lloyd = KMeans(iterations: 3, seed: recipe.seed, sampleLimit: recipe.sample)
    if layout.outlierCount > 0 {
      let vectors = self.vectors(0..<layout.outlierCount, of: targets, length: layout.outlierVectorLength)
      result.outlier = lloyd.refine(vectors, centroids: result.outlier)
    }
    for group in 0..<layout.groupCount {
      let vectors = self.vectors(layout.columns(ofGroup: group), of: targets, length: layout.vectorLength)
      if hasResidual {
        JointTraining.refine(
          main: &result.main[group], residual: &result.residual[group], vectors: vectors,
          beamWidth: recipe.beamWidth, rounds: 2)
      } else {
        result.main[group] = lloyd.refine(vectors, centroids: result.main[group])
      }
    }
    return result
  }

  private func vectors(_ columns: Range<Int>, of matrix: [Float], length: Int) -> WeightedVectors {
    WeightedVectors(columns: columns, of: matrix, layout: layout, vectorLength: length, importance: importance)
  }

  private func note(_ used: Int, of count: Int, in book: String, name: String, notices: inout [String]) {
    guard used < count else { return }
    notices.append("\(name): \(used) distinct vectors need no more than \(used) of the \(count) entries of \(book)")
  }
}
