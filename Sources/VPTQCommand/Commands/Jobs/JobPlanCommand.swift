import ArgumentParser
import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import Quantization
import Tensors

/// `vptq job plan`: what a job has to do, written into its folder.
struct JobPlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Plan a quantization as tasks, and write the plan into a folder.",
    discussion: """
      The folder, the model and the output must have the same paths on every machine that works on the job. The model that
      comes out has the same bytes as that of vptq quantize with the same options.

      Example:
        vptq job plan /shared/q.job /shared/llama -o /shared/llama-3bit --bits 3 --calibration text.txt --shards 8
      """)

  @Argument(help: "The job folder.")
  var job: String

  @OptionGroup var work: QuantizationOptions
  @OptionGroup var tuneChoice: TuneChoice

  @Option(help: "Parts of the calibration text that are measured side by side.")
  var shards = 4

  @Option(
    help: ArgumentHelp(
      "Tasks for the matrices of each block (default: one for each matrix, and at most 16).", valueName: "tasks"))
  var parts = 16

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try work.validate(seed: common.seed, tunes: try tuneChoice.options(seed: common.seed) != nil)
    guard (1...10_000).contains(shards) else {
      throw ValidationError("--shards must be between 1 and 10000, not \(shards)")
    }
    guard (1...1000).contains(parts) else {
      throw ValidationError("--parts must be between 1 and 1000, not \(parts)")
    }
  }

  func run() async throws {
    common.apply()
    try OutputArgument.check(work.output, force: work.force)
    try OutputArgument.check(job, force: true)
    let folder = try await ModelArgument.folder(work.model, quiet: common.quiet)
    try OutputArgument.check(work.output, isNot: [folder])
    let configuration = try ModelConfiguration(folder)
    let plan = try work.plan(configuration, seed: common.seed)
    if work.recipe.budget == nil { try PlanReport.checkSaving(plan) }
    var arguments = JobArguments(
      model: Self.absolute(folder.path), output: Self.absolute(work.output),
      recipe: try work.recipe.recipe(seed: common.seed), text: (0, 0))
    arguments.overrides = try work.overrides(seed: common.seed)
    (arguments.skip, arguments.budget) = (work.skip, work.recipe.bitBudget)
    (arguments.guidance, arguments.seed) = (work.statistics.guidance, common.seed)
    arguments.division = JobDivision(shards: shards, partsPerBlock: parts)
    let windows = try text(&arguments, plan, folder, configuration)
    common.show(windows?.notices ?? [])
    let tuningText = try tuningText(&arguments, folder, configuration)
    let planned = try QuantizationJob.plan(
      at: Self.absolute(job), arguments: arguments, windows: windows, tuningText: tuningText)
    try JobPlanReport(job: planned).show(json: common.json)
  }

  /// The calibration text, where it comes from files; what the model is asked for is a task.
  private func text(
    _ arguments: inout JobArguments, _ plan: QuantizationPlan, _ folder: ModelDirectory,
    _ configuration: ModelConfiguration
  ) throws -> CalibrationWindows? {
    let statistics = work.statistics
    if let folder = statistics.folderToRead(for: plan, job: job) {
      arguments.moments = .read(Self.absolute(folder.path))
      return nil
    }
    if statistics.sequential {
      arguments.moments = .sequential
    } else if let folder = statistics.saveSecondMoments ?? statistics.hessians {
      arguments.moments = .saved(Self.absolute(folder))
    }
    let calibration = work.calibration
    let length = try calibration.checkedLength(in: configuration)
    arguments.text = (calibration.samples, length)
    if calibration.isSelf {
      arguments.writesText = true
      return nil
    }
    let windows = try calibration.windows(
      folder: folder, configuration: configuration, seed: common.seed, progress: SilentProgress(),
      isCancelled: { false })
    arguments.text.windows = windows.windows.count
    return windows
  }

  /// What the model is tuned on, where that comes from files.
  private func tuningText(
    _ arguments: inout JobArguments, _ folder: ModelDirectory, _ configuration: ModelConfiguration
  ) throws -> TuningText? {
    let calibration = work.calibration
    guard let options = try tuneChoice.options(seed: common.seed, calibration, configuration) else { return nil }
    arguments.tuning = options
    if calibration.isSelf {
      arguments.writesText = true
      arguments.text = (calibration.samples, try calibration.checkedLength(in: configuration))
      return nil
    }
    return try calibration.text(
      folder: folder, configuration: configuration, length: options.tokens, seed: common.seed,
      progress: SilentProgress(), isCancelled: { false })
  }

  private static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
}

/// What a plan tells.
struct JobPlanReport {
  let job: QuantizationJob

  func show(json: Bool) throws {
    let stages = job.graph.stages
    let costs = try job.costs()
    let threads = WorkerPool.shared.threadCount
    var rows = [["stage", "lanes", "tasks", "processor time", "memory of a task", "written"]]
    var documents: [JSONValue] = []
    for stage in stages {
      let tasks = stage.lanes.joined().map { costs.costs[$0] }
      let seconds = tasks.reduce(0) { $0 + $1.shared + $1.alone }
      let (memory, bytes) = (tasks.map(\.memory).max() ?? 0, tasks.reduce(0) { $0 + $1.bytesWritten })
      rows.append([
        stage.name, "\(stage.lanes.count)", "\(tasks.count)", Console.clock(seconds), Console.size(memory),
        Console.size(bytes),
      ])
      documents.append(
        .object([
          ("name", .string(stage.name)), ("lanes", .integer(stage.lanes.count)), ("tasks", .integer(tasks.count)),
          ("after", .array(stage.after.map { .string(stages[$0].name) })), ("processor_seconds", .number(seconds)),
          ("memory_bytes", .integer(memory)), ("written_bytes", .integer(bytes)),
        ]))
    }
    if json {
      print(
        JSONValue.object([
          ("job", .string(job.path)), ("tasks", .integer(job.graph.tasks.count)), ("threads", .integer(threads)),
          ("disk_bytes", .integer(costs.diskBytes)), ("stages", .array(documents)),
        ]).serialized(pretty: true))
      return
    }
    for line in Console.table(rows) { print(line) }
    print(
      """
      \(job.graph.tasks.count) tasks in \(job.path), at most \(Console.size(costs.diskBytes)) on disk; as this machine would do them
      next: vptq job submit \(job.path) --engine local --parallel 4, or vptq job run \(job.path) --all on any machine
      """)
  }
}
