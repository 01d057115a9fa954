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
      "A text, or rows with a \"text\" field: .jsonl, .parquet; .gz and .zst of these (repeatable); or \"self\": sampled from the model, the default.",
      valueName: "file|self"))
  var calibration: [String] = []

  @Option(help: "Windows of text.")
  var samples = 64

  @Option(help: "Tokens in one window (default: 1024, or what the model's context allows).")
  var sequenceLength: Int?

  /// Whether the model writes the text.
  var isSelf: Bool { calibration.isEmpty || calibration == ["self"] }

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

  /// Tokens in one window.
  func length(in configuration: ModelConfiguration) -> Int {
    sequenceLength ?? min(1024, configuration.maximumPositions)
  }

  /// The same, unless the model has no such positions.
  func checkedLength(in configuration: ModelConfiguration) throws -> Int {
    let length = self.length(in: configuration)
    guard length <= configuration.maximumPositions else {
      throw Failure(
        exit: .usage, code: "badOption",
        message: "--sequence-length \(length) is beyond the model's \(configuration.maximumPositions) positions"
      )
    }
    return length
  }

  /// The windows of tokens these options describe.
  func windows(
    folder: ModelDirectory, configuration: ModelConfiguration, seed: UInt64, progress: any ProgressListener,
    isCancelled: () -> Bool
  ) throws -> CalibrationWindows {
    let length = try checkedLength(in: configuration)
    if isSelf {
      return CalibrationWindows(
        windows: try sampled(
          folder, length: length, seed: seed, progress: progress, isCancelled: isCancelled))
    }
    return try CalibrationWindows(
      files: calibration, tokenizer: try ModelArgument.tokenizer(folder), samples: samples, length: length)
  }

  /// The text these options describe, for windows of `length` tokens.
  func text(
    folder: ModelDirectory, configuration: ModelConfiguration, length: Int, seed: UInt64,
    progress: any ProgressListener, isCancelled: () -> Bool
  ) throws -> TuningText {
    guard length <= configuration.maximumPositions else {
      throw Failure(
        exit: .usage, code: "badOption",
        message: "--tokens \(length) is beyond the model's \(configuration.maximumPositions) positions")
    }
    if isSelf {
      return TuningText(
        streams: try windows(
          folder: folder, configuration: configuration, seed: seed, progress: progress, isCancelled: isCancelled
        ).windows)
    }
    return try TuningText(files: calibration, tokenizer: try ModelArgument.tokenizer(folder))
  }

  /// Text of the model's own; where it cannot write any, the weight at fault is named.
  private func sampled(
    _ folder: ModelDirectory, length: Int, seed: UInt64, progress: any ProgressListener, isCancelled: () -> Bool
  ) throws -> [[Int]] {
    do {
      return try SelfCalibration.sample(
        try ModelRegistry.load(folder), sequences: samples, length: length, seed: seed, progress: progress,
        isCancelled: isCancelled)
    } catch is CancellationError {
      throw Failure(
        exit: .interrupted, code: "interrupted",
        message: "interrupted while sampling calibration text; nothing is kept of it, run the same command again")
    } catch let error as GenerationError where error.code == .noDistribution {
      try FiniteWeights.check(folder)
      throw Failure(
        exit: .badData, code: error.code.rawValue,
        message: "\(error.message): its weights are finite, so activations overflow",
        hint: "give a text with --calibration to see in which layer")
    }
  }
}
