import ArgumentParser
import Checkpoints
import Foundation
import Quantization

/// `vptq job merge`: puts the results of a job together.
struct JobMergeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Check the results of a job and put them together as a model.",
    discussion: """
      Example:
        vptq job merge q.job
      """)

  @Argument(help: "The job folder.")
  var job: String

  @Flag(help: "Remove the job folder once the model is there.")
  var remove = false

  @OptionGroup var common: CommonOptions

  func run() async throws {
    common.apply()
    let interruption = Interruption()
    defer { withExtendedLifetime(interruption) {} }
    let job = try QuantizationJob(path: URL(fileURLWithPath: self.job).standardizedFileURL.path)
    let progress = ConsoleProgress(quiet: common.quiet)
    let summary = try job.merge(progress: progress, isCancelled: { interruption.isRequested })
    progress.clear()
    common.show(summary.notices)
    QuantizeReport(
      summary: summary, tuned: summary.tuning, model: try ModelDirectory(path: job.arguments.model),
      output: try ModelDirectory(path: job.arguments.output),
      seconds: job.status().stages.reduce(0) { $0 + $1.seconds }, isOfTasks: true
    ).show(json: common.json, verbose: common.verbose)
    if remove { job.remove() }
  }
}
