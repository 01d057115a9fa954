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

  @OptionGroup var work: QuantizationOptions

  @OptionGroup var tuneChoice: TuneChoice

  @Option(help: "The folder for finished blocks (default: OUTPUT.job).")
  var job: String?

  @Flag(help: "Go on with an earlier run's finished blocks; this is the default.")
  var resume = false

  @Option(
    help: ArgumentHelp(
      "Memory for the activations of the calibration text, for instance 2GB; more than that goes through the job folder (default: a quarter of the machine's).",
      valueName: "bytes"))
  var activationMemory: ByteCount?

  @Flag(help: "Show the plan, with the time, memory and disk it will take on this machine, and stop.")
  var dryRun = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try work.validate(seed: common.seed, tunes: try tuneChoice.options(seed: common.seed) != nil)
  }

  /// Tells the shapes that were chosen for a budget.
  private func tellAllocation(_ plan: QuantizationPlan, _ sensitivity: ModelSensitivity?) throws {
    try PlanReport.checkSaving(plan)
    if common.quiet { return }
    let report = AllocationReport(
      plan: plan, sensitivity: sensitivity, preference: work.recipe.bitBudget?.preference ?? .accuracy)
    for line in report.lines { Console.writeError(line) }
  }

  private func tell(_ plan: QuantizationPlan) {
    if common.quiet { return }
    Console.writeError(
      "\(plan.matrices.count) matrices, \(plan.weightCount) weights, \(Console.fixed(plan.bitsPerWeight, 3)) bits per weight"
    )
  }

  func run() async throws {
    common.apply()
    let start = ContinuousClock.now
    // A run that was killed behind its last step has left its job folder: the same command then tidies up.
    let job = job ?? ModelQuantizer.defaultJob(output: work.output)
    let isResuming = ModelQuantizer.hasJob(at: job)
    if !dryRun { try OutputArgument.check(work.output, force: work.force || isResuming) }
    let folder = try await ModelArgument.folder(work.model, quiet: common.quiet)
    try OutputArgument.check(work.output, isNot: [folder])
    let configuration = try ModelConfiguration(folder)
    var plan = try work.plan(configuration, seed: common.seed)
    if work.recipe.budget == nil { try PlanReport.checkSaving(plan) }
    if dryRun {
      if let budget = work.recipe.bitBudget {
        plan = try plan.spending(bits: budget.bits, sensitivity: nil, preferring: budget.preference)
        try tellAllocation(plan, nil)
      }
      let estimate = QuantizationEstimate(
        plan: plan, configuration: configuration,
        windows: work.statistics.folderToRead(for: plan, job: job) == nil ? work.calibration.samples : 0,
        length: work.calibration.length(in: configuration), isGuided: work.statistics.guidance > 0,
        isAllocated: work.recipe.budget != nil,
        activationMemory: activationMemory?.bytes ?? ModelQuantizer.defaultActivationMemory)
      PlanReport(plan: plan, estimate: estimate).show(json: common.json)
      return
    }
    let interruption = Interruption()
    defer { withExtendedLifetime(interruption) {} }
    let progress = ConsoleProgress(quiet: common.quiet)
    let statistics = try work.statistics.statistics(for: plan, job: job) {
      try work.calibration.windows(
        folder: folder, configuration: configuration, seed: common.seed, progress: progress,
        isCancelled: { interruption.isRequested })
    }
    progress.clear()
    common.show(statistics.notices)
    var quantizer = ModelQuantizer(
      model: folder, plan: plan, statistics: statistics, guidance: work.statistics.guidance, seed: common.seed,
      budget: work.recipe.bitBudget, output: work.output, job: job)
    if let limit = activationMemory { quantizer.activationMemory = limit.bytes }
    quantizer.tuning = try tuning(statistics, folder, configuration, progress, interruption)
    if work.recipe.budget == nil { tell(plan) }
    let summary = try quantizer.run(
      progress: progress, isCancelled: { interruption.isRequested }
    ) { plan, sensitivity in
      progress.clear()
      try tellAllocation(plan, sensitivity)
      tell(plan)
    }
    progress.clear()
    common.show(summary.notices.filter { !statistics.notices.contains($0) })
    let report = QuantizeReport(
      summary: summary, tuned: summary.tuning, model: folder, output: try ModelDirectory(path: work.output),
      seconds: Double(start.duration(to: .now) / .seconds(1)))
    report.show(json: common.json, verbose: common.verbose)
  }

  /// How the quantized model is tuned, and on what text.
  private func tuning(
    _ statistics: ModelQuantizer.Statistics, _ folder: ModelDirectory, _ configuration: ModelConfiguration,
    _ progress: ConsoleProgress, _ interruption: Interruption
  ) throws -> ModelQuantizer.Tuning? {
    guard let options = try tuneChoice.options(seed: common.seed, work.calibration, configuration) else { return nil }
    switch statistics {
    case .measured(let windows, _) where work.calibration.isSelf,
      .sequential(let windows) where work.calibration.isSelf:
      return ModelQuantizer.Tuning(options: options, text: TuningText(streams: windows.windows))
    default:
      let text = try work.calibration.text(
        folder: folder, configuration: configuration, length: options.tokens, seed: common.seed, progress: progress,
        isCancelled: { interruption.isRequested })
      progress.clear()
      return ModelQuantizer.Tuning(options: options, text: text)
    }
  }
}
