import ArgumentParser
import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import Quantization
import Tensors

/// `vptq job run`: does tasks of a job.
struct JobRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Do tasks of a planned job, beside any number of other processes.",
    discussion: """
      Examples:
        vptq job run q.job --next        one free task
        vptq job run q.job --all         tasks until none is left
        vptq job run q.job --index 7     this one
      """)

  @Argument(help: "The job folder.")
  var job: String

  @Flag(help: "Take one free task; this is the default.")
  var next = false

  @Flag(help: "Take tasks until none is left, and wait for those that others are at.")
  var all = false

  @Option(help: "Do the task of this number.")
  var index: Int?

  @Option(help: "A stage of the plan, by number; with --lane.")
  var stage: Int?

  @Option(help: "The lane of the stage whose tasks are done.")
  var lane: Int?

  @Flag(help: "Wait for what a task reads, and do it where nobody is at it.")
  var wait = false

  @Flag(help: "Try tasks again that failed before.")
  var retry = false

  @Option(help: "Take over a task whose worker gave no sign of life for so many seconds.")
  var staleAfter = JobWorker.defaultStaleSeconds

  @Option(help: "What the status calls this worker.")
  var label = ""

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard [next, all, index != nil, stage != nil].count(where: \.self) <= 1 else {
      throw ValidationError("give one of --next, --all, --index, or --stage with --lane")
    }
    guard (stage == nil) == (lane == nil) else { throw ValidationError("--stage and --lane go together") }
    guard staleAfter >= 1 else { throw ValidationError("--stale-after must be at least 1, not \(staleAfter)") }
  }

  func run() async throws {
    common.apply()
    let interruption = Interruption(andTermination: true)
    defer { withExtendedLifetime(interruption) {} }
    let job = try QuantizationJob(path: URL(fileURLWithPath: self.job).standardizedFileURL.path)
    let progress = ConsoleProgress(quiet: common.quiet)
    let worker = JobWorker(
      job, label: label, staleSeconds: staleAfter, progress: progress, isCancelled: { interruption.isRequested })
    worker.retriesFailed = retry
    worker.writesText = { try text(job, progress, interruption) }
    var done: [String] = []
    worker.onTask = { name, seconds in
      progress.clear()
      guard let seconds else { return }
      done.append(name)
      if !common.quiet { Console.writeError("\(name) in \(Console.clock(seconds))") }
    }
    let outcome = try run(worker, job)
    progress.clear()
    show(outcome, done)
  }

  private func run(_ worker: JobWorker, _ job: QuantizationJob) throws -> JobWorker.Outcome {
    if all {
      try worker.runAll()
      return .finished
    }
    if let index { return try worker.run(index: index, waits: wait) }
    if let stage, let lane {
      let stages = job.graph.stages
      guard stages.indices.contains(stage), stages[stage].lanes.indices.contains(lane) else {
        throw Failure(
          exit: .usage, code: "badOption", message: "the job has no lane \(lane) of stage \(stage)",
          hint: "vptq job plan --json lists them")
      }
      var outcome = JobWorker.Outcome.alreadyDone
      for index in stages[stage].lanes[lane] { outcome = try worker.run(index: index, waits: true) }
      return outcome
    }
    return try worker.runNext(waits: wait)
  }

  private func show(_ outcome: JobWorker.Outcome, _ done: [String]) {
    let word =
      switch outcome {
      case .ran: "ran"
      case .alreadyDone: "already done"
      case .nothingFree: "nothing free"
      case .finished: "finished"
      }
    if common.json {
      print(
        JSONValue.object([("outcome", .string(word)), ("tasks", .array(done.map(JSONValue.string)))])
          .serialized(pretty: true))
    } else if case .ran = outcome {
    } else if !common.quiet {
      let lines: [String: String] = [
        "already done": "that task is done already",
        "nothing free": "no task is free at present: what is left is taken, or waits for others",
        "finished": "all tasks are done; next: vptq job merge \(job)",
      ]
      Console.writeError(lines[word] ?? word)
    }
  }

  /// Text of the model's own, where the job asks for it.
  private func text(
    _ job: QuantizationJob, _ progress: ConsoleProgress, _ interruption: Interruption
  ) throws -> CalibrationWindows {
    let folder = try ModelDirectory(path: job.arguments.model)
    var options = CalibrationOptions()
    options.calibration = []
    (options.samples, options.sequenceLength) = (job.arguments.text.windows, job.arguments.text.length)
    return try options.windows(
      folder: folder, configuration: ModelConfiguration(folder), seed: job.arguments.seed, progress: progress,
      isCancelled: { interruption.isRequested })
  }
}
