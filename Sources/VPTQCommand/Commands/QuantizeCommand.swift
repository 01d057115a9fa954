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
  @OptionGroup(title: "Statistics") var statistics: StatisticsOptions

  @Option(
    help: ArgumentHelp(
      "A preset for some matrices, as REGEX=PRESET; repeatable, later ones win.", valueName: "regex=preset"))
  var override: [String] = []

  @Option(help: "Leave matrices dense whose name matches; repeatable.")
  var skip: [String] = []

  @Option(
    help: ArgumentHelp(
      "Tune the quantized model afterwards as vptq tune does: none, full, block, or a number of steps of full.",
      valueName: "none|full|block|steps"))
  var tune = "none"

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
    try statistics.validate(with: calibration, tunes: try tuning() != nil)
  }

  /// How the quantized model is tuned, if it is.
  private func tuning() throws -> TuningOptions? {
    if tune == "none" || tune == "0" { return nil }
    var options = TuningOptions(mode: TuningOptions.Mode(rawValue: tune) ?? .full)
    if TuningOptions.Mode(rawValue: tune) == nil {
      guard let steps = Int(tune), (1...1_000_000).contains(steps) else {
        throw ValidationError("--tune must be none, full, block, or a number of steps up to 1000000, not \(tune)")
      }
      options.steps = steps
    }
    options.seed = common.seed
    return options
  }

  private func overrideRule(_ rule: String) throws -> QuantizationPlan.Override {
    guard let split = rule.lastIndex(of: "="), split != rule.startIndex else {
      throw ValidationError("--override takes REGEX=PRESET, not \(rule)")
    }
    return QuantizationPlan.Override(
      pattern: String(rule[..<split]),
      recipe: try recipe.recipe(preset: String(rule[rule.index(after: split)...]), seed: common.seed))
  }

  /// Refuses shapes that take more than a matrix has.
  private func checkSaving(_ plan: QuantizationPlan) throws {
    guard let worst = plan.matrices.max(by: { $0.bitsPerWeight < $1.bitsPerWeight }), worst.bitsPerWeight > 16 else {
      return
    }
    throw Failure(
      exit: .usage, code: "badOption",
      message: "\(worst.module), \(worst.shape[0])x\(worst.shape[1]), takes "
        + "\(Console.fixed(worst.bitsPerWeight, 1)) bits a weight as \(worst.recipe.name), most of it for codebooks: more than the 16 of the original",
      hint: "give --bits, smaller codebooks, --override or --skip for small matrices")
  }

  /// The plan with shapes chosen for a budget, which are told.
  private func allocated(
    _ plan: QuantizationPlan, bits: Double, _ sensitivity: ModelSensitivity?
  ) throws -> QuantizationPlan {
    let preference = recipe.prefer ?? .accuracy
    let plan = try plan.spending(bits: bits, sensitivity: sensitivity, preferring: preference)
    try checkSaving(plan)
    if !common.quiet {
      for line in AllocationReport(plan: plan, sensitivity: sensitivity, preference: preference).lines {
        Console.writeError(line)
      }
    }
    return plan
  }

  func run() async throws {
    common.apply()
    let start = ContinuousClock.now
    // A run that was killed behind its last step has left its job folder: the same command then tidies up.
    let job = job ?? ModelQuantizer.defaultJob(output: output)
    let isResuming = ModelQuantizer.hasJob(at: job)
    if !dryRun { try OutputArgument.check(output, force: force || isResuming) }
    let folder = try await ModelArgument.folder(model, quiet: common.quiet)
    try OutputArgument.check(output, isNot: [folder])
    let configuration = try ModelConfiguration(folder)
    var plan = try QuantizationPlan(
      configuration: configuration, recipe: recipe.recipe(seed: common.seed), overrides: override.map(overrideRule),
      skip: skip)
    if recipe.budget == nil { try checkSaving(plan) }
    if dryRun {
      if let bits = recipe.budget { plan = try allocated(plan, bits: bits, nil) }
      let estimate = QuantizationEstimate(
        plan: plan, configuration: configuration,
        windows: statistics.folderToRead(for: plan, job: job) == nil ? calibration.samples : 0,
        length: calibration.length(in: configuration), isGuided: statistics.guidance > 0,
        isAllocated: recipe.budget != nil)
      PlanReport(plan: plan, estimate: estimate).show(json: common.json)
      return
    }
    let interruption = Interruption()
    defer { withExtendedLifetime(interruption) {} }
    let progress = ConsoleProgress(quiet: common.quiet)
    let statistics = try statistics.statistics(for: plan, job: job) {
      try calibration.windows(
        folder: folder, configuration: configuration, seed: common.seed, progress: progress,
        isCancelled: { interruption.isRequested })
    }
    progress.clear()
    common.show(statistics.notices)
    if let bits = recipe.budget {
      let analysis = SensitivityAnalysis(
        model: folder, plan: plan, statistics: statistics, seed: common.seed, job: job)
      let sensitivity = try analysis.run(progress: progress, isCancelled: { interruption.isRequested })
      progress.clear()
      plan = try allocated(plan, bits: bits, sensitivity)
    }
    if !common.quiet {
      Console.writeError(
        "\(plan.matrices.count) matrices, \(plan.weightCount) weights, \(Console.fixed(plan.bitsPerWeight, 3)) bits per weight"
      )
    }
    let tuning = try tuning()
    let untuned = tuning != nil ? job + "/untuned" : output
    let quantizer = ModelQuantizer(
      model: folder, plan: plan, statistics: statistics, guidance: self.statistics.guidance, seed: common.seed,
      output: untuned, job: job)
    let summary = try quantizer.run(
      keepsJob: tuning != nil, progress: progress, isCancelled: { interruption.isRequested })
    progress.clear()
    common.show(summary.notices.filter { !statistics.notices.contains($0) })
    var tuned: TuningSummary?
    if let tuning {
      tuned = try tune(
        tuning, try ModelDirectory(path: untuned), folder, configuration, job: job + "/tuning", progress,
        isCancelled: { interruption.isRequested })
      try FileManager.default.removeItem(atPath: untuned)
      ModelQuantizer.removeJob(at: job)
    }
    let report = QuantizeReport(
      summary: summary, tuned: tuned, model: folder, output: try ModelDirectory(path: output),
      seconds: Double(start.duration(to: .now) / .seconds(1)))
    report.show(json: common.json, verbose: common.verbose)
  }

  /// Tunes the quantized model into the output folder.
  private func tune(
    _ options: TuningOptions, _ quantized: ModelDirectory, _ folder: ModelDirectory,
    _ configuration: ModelConfiguration, job: String,
    _ progress: ConsoleProgress, isCancelled: () -> Bool
  ) throws -> TuningSummary {
    var options = options
    options.tokens = min(
      options.tokens, calibration.isSelf ? calibration.length(in: configuration) : configuration.maximumPositions)
    let text = try calibration.text(
      folder: folder, configuration: configuration, length: options.tokens, seed: common.seed, progress: progress,
      isCancelled: isCancelled)
    let tuner = ModelTuner(model: quantized, reference: folder, text: text, options: options, output: output, job: job)
    let summary = try tuner.run(progress: progress, isCancelled: isCancelled)
    progress.clear()
    return summary
  }
}
