import ArgumentParser
import Checkpoints
import Evaluation
import Foundation
import Generation
import JSONReader
import LanguageModels
import Quantization
import Tensors

/// `vptq quantize`: the whole quantization, calibration included.
struct QuantizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize",
    abstract: "Quantize a model to 1-4 bits a weight.",
    discussion: """
      Examples:
        vptq quantize smollm2 -o smollm2-3bit --bits 3
        vptq quantize smollm2 -o out --preset v8-k256-256 --calibration text.txt
      """)

  @Argument(help: "A dense model: a folder, a .gguf file, or org/name of the hub.")
  var model: String

  @Option(name: [.customShort("o"), .long], help: "The folder to write.")
  var output: String

  @OptionGroup(title: "Recipe") var recipe: RecipeOptions
  @OptionGroup(title: "Calibration") var calibration: CalibrationOptions

  @Option(
    help: ArgumentHelp(
      "A preset for some matrices, as REGEX=PRESET; repeatable, later ones win.", valueName: "regex=preset"))
  var override: [String] = []

  @Option(help: "Leave matrices dense whose name matches; repeatable.")
  var skip: [String] = []

  @Flag(help: "Measure each block's inputs behind the quantized blocks before it, not behind the original ones.")
  var sequential = false

  @Option(help: "The folder for finished blocks (default: OUTPUT.job).")
  var job: String?

  @Flag(help: "Go on with an earlier run's finished blocks; this is the default.")
  var resume = false

  @Flag(help: "Show the plan, with the time, memory and disk it will take on this machine, and stop.")
  var dryRun = false

  @Flag(help: "Replace a model that is already at the output.")
  var force = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    _ = try recipe.recipe(seed: common.seed)
    for rule in override { _ = try overrideRule(rule) }
  }

  private func overrideRule(_ rule: String) throws -> QuantizationPlan.Override {
    guard let split = rule.lastIndex(of: "="), split != rule.startIndex else {
      throw ValidationError("--override takes REGEX=PRESET, not \(rule)")
    }
    return QuantizationPlan.Override(
      pattern: String(rule[..<split]),
      recipe: try recipe.recipe(preset: String(rule[rule.index(after: split)...]), seed: common.seed))
  }

  func run() async throws {
    common.apply()
    let start = ContinuousClock.now
    // A run that was killed behind its last step has left its job folder: the same command then tidies up.
    let isResuming = ModelQuantizer.hasJob(at: job ?? ModelQuantizer.defaultJob(output: output))
    if !dryRun, !isResuming { try OutputArgument.check(output, force: force) }
    let folder = try await ModelArgument.folder(model, quiet: common.quiet)
    let configuration = try ModelConfiguration(folder)
    let plan = try QuantizationPlan(
      configuration: configuration, recipe: recipe.recipe(seed: common.seed), overrides: override.map(overrideRule),
      skip: skip)
    if dryRun {
      let estimate = QuantizationEstimate(
        plan: plan, configuration: configuration, windows: calibration.samples,
        length: calibration.length(in: configuration))
      PlanReport(plan: plan, estimate: estimate).show(json: common.json)
      return
    }
    let interruption = Interruption()
    defer { withExtendedLifetime(interruption) {} }
    let progress = ConsoleProgress(quiet: common.quiet)
    if !common.quiet {
      Console.writeError(
        "\(plan.matrices.count) matrices, \(plan.weightCount) weights, \(Console.fixed(plan.bitsPerWeight, 3)) bits per weight"
      )
    }
    let windows = try calibration.windows(
      folder: folder, configuration: configuration, seed: common.seed, progress: progress,
      isCancelled: { interruption.isRequested })
    progress.clear()
    common.show(windows.notices)
    let quantizer = ModelQuantizer(
      model: folder, plan: plan, calibration: windows, output: output, job: job, isSequential: sequential)
    let summary = try quantizer.run(progress: progress, isCancelled: { interruption.isRequested })
    progress.clear()
    common.show(summary.notices.filter { !windows.notices.contains($0) })
    let report = QuantizeReport(
      summary: summary, model: folder, output: try ModelDirectory(path: output),
      seconds: Double(start.duration(to: .now) / .seconds(1)))
    report.show(json: common.json, verbose: common.verbose)
  }
}
