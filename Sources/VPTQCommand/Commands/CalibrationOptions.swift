import ArgumentParser
import Checkpoints
import Generation
import LanguageModels
import Quantization
import Tensors

/// What a quantizer measures on.
struct CalibrationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A text file, a .jsonl file with a \"text\" field (repeatable), or \"self\": sampled from the model, the default.",
      valueName: "file|self"))
  var calibration: [String] = []

  @Option(help: "Windows of text.")
  var samples = 64

  @Option(help: "Tokens in one window (default: 1024, or what the model's context allows).")
  var sequenceLength: Int?

  func validate() throws {
    guard (1...100_000).contains(samples) else {
      throw ValidationError("--samples must be between 1 and 100000, not \(samples)")
    }
    if let sequenceLength, !(2...1_000_000).contains(sequenceLength) {
      throw ValidationError("--sequence-length must be at least 2, not \(sequenceLength)")
    }
    if calibration.contains("self"), calibration.count > 1 {
      throw ValidationError("--calibration self cannot be mixed with files")
    }
  }

  /// The windows of tokens these options describe.
  func windows(
    folder: ModelDirectory, configuration: ModelConfiguration, seed: UInt64, progress: any ProgressListener
  ) throws -> CalibrationWindows {
    let length = sequenceLength ?? min(1024, configuration.maximumPositions)
    guard length <= configuration.maximumPositions else {
      throw Failure(
        exit: .usage, code: "badOption",
        message: "--sequence-length \(length) is beyond the model's \(configuration.maximumPositions) positions"
      )
    }
    if calibration.isEmpty || calibration == ["self"] {
      let model = try ModelRegistry.load(folder)
      return CalibrationWindows(
        windows: try SelfCalibration.sample(
          model, sequences: samples, length: length, seed: seed, progress: progress))
    }
    return try CalibrationWindows(
      files: calibration, tokenizer: try ModelArgument.tokenizer(folder), samples: samples, length: length)
  }
}
