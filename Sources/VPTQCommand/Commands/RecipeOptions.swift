import ArgumentParser
import Quantization

/// How matrices are quantized: a number of bits, a preset, or raw numbers.
struct RecipeOptions: ParsableArguments {
  /// What `--bits` may ask for.
  static let legalBits = 1.0...6.0

  @Option(
    help: ArgumentHelp(
      "Bits per weight as stored, codebooks included, on average over all matrices: 1 to 6, for instance 2.25 (default 3). Those get most whose errors cost most.",
      valueName: "bits"))
  var bits: Double?

  @Option(
    help: ArgumentHelp(
      "What --bits cares for: accuracy (the default), or speed: shapes that decode faster, for a loss foreseen to be at most 5 % larger.",
      valueName: "accuracy|speed"),
    transform: { name in
      guard let preference = AllocationPreference(rawValue: name) else {
        throw ValidationError("must be accuracy or speed")
      }
      return preference
    })
  var prefer: AllocationPreference?

  @Option(help: "Vector length, centroids and residual centroids, for instance v8-k256-256.")
  var preset: String?

  @Option(help: "Outputs in one vector.")
  var vectorLength: Int?

  @Option(help: "Centroids of the main codebook: a power of two up to 65536.")
  var centroids: Int?

  @Option(help: "Centroids of the residual codebook, or 0 for none.")
  var residualCentroids: Int?

  @Option(help: "Codebooks along the input axis.")
  var groups: Int?

  @Option(help: "Share of input columns with a codebook of their own, in percent.")
  var outlierPercent: Double?

  @Option(help: "Vector length of the outlier columns.")
  var outlierVectorLength: Int?

  @Option(help: "Centroids of the outlier columns.")
  var outlierCentroids: Int?

  @Option(
    help: ArgumentHelp(
      "A step of the recipe: damping, kmeans-iterations, sample, joint-rounds, beam-width, refit-rounds, least-squares-steps, descent-rounds, normalize, permute, feedback or whole-units; repeatable.",
      valueName: "name=value"))
  var set: [String] = []

  /// The bits to spend where no shape is given.
  var budget: Double? {
    if preset != nil || vectorLength != nil || centroids != nil { return nil }
    return bits ?? 3
  }

  /// The same with what the choice of shapes cares for.
  var bitBudget: BitBudget? { budget.map { BitBudget(bits: $0, preference: prefer ?? .accuracy) } }

  /// The recipe these options describe; of a budget, all but the shape.
  ///
  /// - Throws: `ValidationError` that names the option and its legal values.
  func recipe(preset override: String? = nil, seed: UInt64) throws -> QuantizationRecipe {
    let given = [bits != nil, preset != nil, vectorLength != nil || centroids != nil].count(where: \.self)
    guard given <= 1 else {
      throw ValidationError("give one of --bits, --preset, or --vector-length with --centroids")
    }
    if prefer != nil, budget == nil {
      throw ValidationError("--prefer chooses among the shapes of --bits; leave it out where the shape is given")
    }
    do {
      var recipe: QuantizationRecipe
      if let vectorLength, let centroids, override == nil {
        recipe = QuantizationRecipe(
          vectorLength: vectorLength, centroidCount: centroids, residualCentroidCount: residualCentroids ?? 0)
      } else {
        recipe = try QuantizationRecipe(preset: override ?? presetName())
      }
      recipe.seed = seed
      if let groups { recipe.groupCount = groups }
      if let outlierPercent { recipe.outlierPercent = outlierPercent }
      if let outlierVectorLength { recipe.outlierVectorLength = outlierVectorLength }
      if let outlierCentroids { recipe.outlierCentroidCount = outlierCentroids }
      for setting in set {
        let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw ValidationError("--set takes NAME=VALUE, not \(setting)") }
        try recipe.set(String(parts[0]), to: String(parts[1]))
      }
      try recipe.validate()
      return recipe
    } catch let error as QuantizationError {
      throw ValidationError(error.message)
    }
  }

  private func presetName() throws -> String {
    if let preset { return preset }
    if (vectorLength == nil) != (centroids == nil) {
      throw ValidationError("--vector-length and --centroids go together")
    }
    if let bits, !Self.legalBits.contains(bits) {
      throw ValidationError("--bits must be between 1 and 6, not \(bits)")
    }
    // A shape that every matrix can take; the budget chooses another.
    return "v2-k16"
  }
}
