import ArgumentParser
import Quantization

/// What tuning fits, for how long, and how fast.
struct TuningArguments: ParsableArguments {
  @Option(help: "What is fitted: \"full\", the model's probabilities, or \"block\", the output of each block in turn.")
  var mode = TuningOptions.Mode.full.rawValue

  @Option(help: "Steps; for each block in mode block.")
  var steps = 160

  @Option(help: "Tokens in one window.")
  var tokens = 512

  @Option(help: "Windows in one step.")
  var windows = 1

  @Option(help: "Windows that blocks are fitted on, in mode block.")
  var blockWindows = 64

  @Option(help: "The highest rate, relative to what it moves.")
  var rate: Float = 2e-3

  @Flag(help: "Form all products in float32, even where bfloat16 is faster.")
  var exact = false

  /// The options these arguments describe.
  ///
  /// - Throws: `ValidationError` that names the option and its legal values.
  func options(seed: UInt64) throws -> TuningOptions {
    guard let mode = TuningOptions.Mode(rawValue: mode) else {
      let known = TuningOptions.Mode.allCases.map(\.rawValue).joined(separator: " or ")
      throw ValidationError("--mode must be \(known), not \(mode)")
    }
    var options = TuningOptions(mode: mode, steps: steps, tokens: tokens, rate: rate)
    options.windowsPerStep = windows
    options.blockWindows = blockWindows
    options.seed = seed
    options.isExact = exact
    do {
      try options.validate()
    } catch let error as QuantizationError {
      throw ValidationError(error.message)
    }
    return options
  }
}
