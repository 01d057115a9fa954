extension QuantizationRecipe {
  /// Sets a step of the recipe by name, as `--set NAME=VALUE` does: for ablations and for effort.
  ///
  /// Numbers: `damping`, `kmeans-iterations`, `sample`, `joint-rounds`, `beam-width`, `refit-rounds`, `least-squares-steps`,
  /// `descent-rounds`; `on` or `off`: `normalize`, `permute`, `feedback`, `whole-units`. Ranges are checked by `validate()`.
  ///
  /// - Throws: `QuantizationError` (`invalidRecipe`) that names the setting, what is known, or the kind of value.
  public mutating func set(_ name: String, to value: String) throws {
    let counts: [(String, WritableKeyPath<Self, Int>)] = [
      ("kmeans-iterations", \.kMeansIterations), ("sample", \.sample),
      ("joint-rounds", \.jointRounds), ("beam-width", \.beamWidth),
      ("refit-rounds", \.refitRounds), ("least-squares-steps", \.leastSquaresSteps),
      ("descent-rounds", \.descentRounds),
    ]
    let switches: [(String, WritableKeyPath<Self, Bool>)] = [
      ("normalize", \.normalize), ("permute", \.permute), ("feedback", \.feedback),
      ("whole-units", \.wholeUnits),
    ]
    func refuse(_ kind: String) -> QuantizationError {
      QuantizationError(.invalidRecipe, "setting \(name) needs \(kind), not \"\(value)\"")
    }
    if let (_, path) = counts.first(where: { $0.0 == name }) {
      guard let number = Int(value) else { throw refuse("a whole number") }
      self[keyPath: path] = number
    } else if let (_, path) = switches.first(where: { $0.0 == name }) {
      guard value == "on" || value == "off" else { throw refuse("on or off") }
      self[keyPath: path] = value == "on"
    } else if name == "damping" {
      guard let number = Double(value) else { throw refuse("a number") }
      damping = number
    } else {
      let known = (["damping"] + counts.map(\.0) + switches.map(\.0)).sorted().joined(separator: ", ")
      throw QuantizationError(.invalidRecipe, "no setting is called \"\(name)\"; known: \(known)")
    }
  }
}
