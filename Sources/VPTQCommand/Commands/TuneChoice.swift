import ArgumentParser
import Checkpoints
import LanguageModels
import Quantization
import Tensors

/// Whether and how a quantized model is tuned.
struct TuneChoice: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Tune the quantized model afterwards as vptq tune does: none, full, block, or a number of steps of full.",
      valueName: "none|full|block|steps"))
  var tune = "none"

  /// How the quantized model is tuned, if it is.
  ///
  /// - Throws: `ValidationError` that names the legal values.
  func options(seed: UInt64) throws -> TuningOptions? {
    if tune == "none" || tune == "0" { return nil }
    var options = TuningOptions(mode: TuningOptions.Mode(rawValue: tune) ?? .full)
    if TuningOptions.Mode(rawValue: tune) == nil {
      guard let steps = Int(tune), (1...1_000_000).contains(steps) else {
        throw ValidationError("--tune must be none, full, block, or a number of steps up to 1000000, not \(tune)")
      }
      options.steps = steps
    }
    options.seed = seed
    return options
  }

  /// The same for a model and its calibration text, windows no longer than these allow.
  func options(
    seed: UInt64, _ calibration: CalibrationOptions, _ configuration: ModelConfiguration
  ) throws -> TuningOptions? {
    guard var options = try options(seed: seed) else { return nil }
    options.tokens = min(
      options.tokens, calibration.isSelf ? calibration.length(in: configuration) : configuration.maximumPositions)
    return options
  }
}
