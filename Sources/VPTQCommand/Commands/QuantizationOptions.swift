import ArgumentParser
import LanguageModels
import Quantization

/// What is quantized and how: the options that `vptq quantize` and `vptq job plan` share.
struct QuantizationOptions: ParsableArguments {
  @Argument(help: "A dense model: a folder, a .gguf file, or org/name of the hub.")
  var model: String

  @Option(name: [.customShort("o"), .long], help: "The folder to write.")
  var output: String

  @OptionGroup(title: "Recipe") var recipe: RecipeOptions
  @OptionGroup(title: "Calibration") var calibration: CalibrationOptions
  @OptionGroup(title: "Statistics") var statistics: StatisticsOptions

  @Option(
    help: ArgumentHelp(
      "A preset for some matrices, as REGEX=PRESET; repeatable, later ones win.", valueName: "regex=preset"))
  var override: [String] = []

  @Option(help: "Leave matrices dense whose name matches; repeatable.")
  var skip: [String] = []

  @Flag(help: "Replace a model that is already at the output.")
  var force = false

  /// Refuses what cannot be, before any work.
  func validate(seed: UInt64, tunes: Bool) throws {
    _ = try recipe.recipe(seed: seed)
    _ = try overrides(seed: seed)
    try statistics.validate(with: calibration, tunes: tunes)
  }

  /// The rules of `--override`.
  func overrides(seed: UInt64) throws -> [QuantizationPlan.Override] {
    try override.map { rule in
      guard let split = rule.lastIndex(of: "="), split != rule.startIndex else {
        throw ValidationError("--override takes REGEX=PRESET, not \(rule)")
      }
      return QuantizationPlan.Override(
        pattern: String(rule[..<split]),
        recipe: try recipe.recipe(preset: String(rule[rule.index(after: split)...]), seed: seed))
    }
  }

  /// Which matrices of a model are quantized; of a budget, before its shapes are chosen.
  func plan(_ configuration: ModelConfiguration, seed: UInt64) throws -> QuantizationPlan {
    try QuantizationPlan(
      configuration: configuration, recipe: recipe.recipe(seed: seed), overrides: overrides(seed: seed), skip: skip)
  }
}
