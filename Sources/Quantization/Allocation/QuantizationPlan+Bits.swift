import Tensors

extension QuantizationPlan {
  /// Chooses the shape of codes of every matrix so that all together take at most `bits` per weight as stored, and the
  /// loss of the model rises as little as can be foreseen.
  ///
  /// - Parameters:
  ///   - bits: average over all planned weights, codebooks, scales and permutations included; matrices with an override keep their recipe.
  ///   - sensitivity: what errors of each matrix cost; without it, equal relative errors cost the same for each weight.
  ///   - preference: how much loss faster decoding may cost.
  /// - Throws: `QuantizationError` (`invalidRecipe`) if not even the smallest shapes fit.
  public func spending(
    bits: Double, sensitivity: ModelSensitivity?, preferring preference: AllocationPreference = .accuracy
  ) throws -> QuantizationPlan {
    let budget = Int(bits * Double(weightCount))
    // Small matrices cannot pay for the codebooks of small errors: then any error will do.
    for limit in [PresetOffers.distortionLimit(bits: bits), .infinity] {
      let choices = try matrices.map { $0.isFixed ? [Choice(plan: $0)] : try Self.choices($0, limit: limit) }
      let offers = zip(matrices, choices).map { matrix, choices in
        let cost = sensitivity?.lossPerDistortion[matrix.module] ?? Double(matrix.shape.elementCount)
        return choices.map { BitAllocation.Offer(bits: $0.plan.storedBits, loss: cost * $0.distortion, time: $0.time) }
      }
      if let choice = BitAllocation.choose(offers, budget: budget, slack: preference.slack) {
        return QuantizationPlan(matrices: zip(choices, choice).map { $0[$1].plan })
      }
    }
    let least = try matrices.reduce(0) { sum, matrix in
      let choices = matrix.isFixed ? [Choice(plan: matrix)] : try Self.choices(matrix, limit: .infinity)
      guard let bits = choices.map(\.plan.storedBits).min() else {
        throw QuantizationError(
          .invalidRecipe,
          "\(matrix.module) is too small, \(matrix.shape[0]) x \(matrix.shape[1]), for any shape that --bits offers; "
            + "give it one with --override, or leave it out with --skip")
      }
      return sum + bits
    }
    throw QuantizationError(
      .invalidRecipe,
      "--bits \(bits) is too little for these matrices: with the smallest codebooks they take "
        + "\((100 * Double(least) / Double(weightCount)).rounded(.up) / 100) bits a weight")
  }

  /// What a matrix can become, with the distortion that is left and what it takes to decode.
  private struct Choice {
    let plan: MatrixPlan
    var distortion = 0.0
    var time = 0.0
  }

  private static func choices(_ matrix: MatrixPlan, limit: Double) throws -> [Choice] {
    try PresetOffers.shapes.compactMap { shape in
      guard shape.vectorLength <= matrix.shape[0], shape.distortion <= limit else { return nil }
      var recipe = matrix.recipe
      recipe.vectorLength = shape.vectorLength
      recipe.centroidCount = shape.centroidCount
      recipe.residualCentroidCount = shape.residualCentroidCount
      do {
        let plan = try matrix.with(recipe)
        guard plan.bitsPerWeight <= 16 else { return nil }
        return Choice(
          plan: plan, distortion: shape.distortion, time: shape.decodeTime * Double(plan.shape.elementCount))
      } catch let error as QuantizationError where error.code == .invalidRecipe {
        // More centroids than the matrix has vectors.
        return nil
      }
    }
  }
}
