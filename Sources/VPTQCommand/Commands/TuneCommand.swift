import ArgumentParser
import Checkpoints
import Evaluation
import Foundation
import JSONReader
import LanguageModels
import Quantization
import Tensors

/// `vptq tune`: fits codebooks, scales and norms of a quantized model to the original.
struct TuneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Tune a quantized model's codebooks, scales and norms against the original.",
    discussion: """
      Examples:
        vptq tune smollm2-2bit --reference smollm2 -o smollm2-2bit-tuned --calibration text.txt
        vptq tune model-2bit --reference model -o out --mode block --steps 50
      """)

  @Argument(help: "A quantized model's folder.")
  var model: String

  @Option(help: "The model it was made from: a folder, a .gguf file, or org/name of the hub.")
  var reference: String

  @Option(name: [.customShort("o"), .long], help: "The folder to write.")
  var output: String

  @OptionGroup(title: "Tuning") var tuning: TuningArguments
  @OptionGroup(title: "Calibration") var calibration: CalibrationOptions

  @Option(help: "The folder for checkpoints (default: OUTPUT.tuning).")
  var job: String?

  @Flag(help: "Replace a model that is already at the output.")
  var force = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    _ = try tuning.options(seed: common.seed)
  }

  func run() async throws {
    common.apply()
    let start = ContinuousClock.now
    let job = job ?? ModelTuner.defaultJob(output: output)
    try OutputArgument.check(output, force: force || ModelTuner.hasJob(at: job))
    let folder = try await ModelArgument.folder(model, quiet: common.quiet)
    let original = try await ModelArgument.folder(reference, quiet: common.quiet)
    try OutputArgument.check(output, isNot: [folder, original])
    let interruption = Interruption()
    defer { withExtendedLifetime(interruption) {} }
    let progress = ConsoleProgress(quiet: common.quiet)
    let text = try calibration.text(
      folder: original, configuration: try ModelConfiguration(original), length: tuning.tokens, seed: common.seed,
      progress: progress, isCancelled: { interruption.isRequested })
    progress.clear()
    common.show(text.notices)
    let tuner = ModelTuner(
      model: folder, reference: original, text: text, options: try tuning.options(seed: common.seed),
      output: output, job: job)
    let summary = try tuner.run(progress: progress, isCancelled: { interruption.isRequested })
    progress.clear()
    show(summary, seconds: Double(start.duration(to: .now) / .seconds(1)))
  }

  private func show(_ summary: TuningSummary, seconds: Double) {
    if common.json {
      let document: JSONValue = .object([
        ("mode", .string(tuning.mode)), ("parameters", .integer(summary.parameterCount)),
        ("first_loss", .number(summary.firstLoss)), ("last_loss", .number(summary.lastLoss)),
        ("seconds", .number(seconds)), ("peak_memory_bytes", .integer(ProcessMemory.peakBytes)),
        ("resumed_steps", .integer(summary.resumedSteps)), ("losses", .array(summary.losses.map(JSONValue.number))),
      ])
      print(document.serialized(pretty: true))
      return
    }
    if common.verbose {
      for (index, loss) in summary.losses.enumerated() { print("step \(index + 1)  loss \(Console.fixed(loss, 5))") }
    }
    let meaning = tuning.mode == TuningOptions.Mode.full.rawValue ? "divergence in nats per token" : "error over output"
    print(
      """
      \(summary.parameterCount) values tuned in \(summary.losses.count) steps, \(meaning) \
      \(Console.fixed(summary.firstLoss, 4)) -> \(Console.fixed(summary.lastLoss, 4))
      \(model) -> \(output) in \(Console.clock(seconds)), peak memory \(Console.size(ProcessMemory.peakBytes))
      """)
  }
}
