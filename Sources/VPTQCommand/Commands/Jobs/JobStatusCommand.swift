import ArgumentParser
import Foundation
import JSONReader
import Launching
import Quantization

/// `vptq job status`: how far a job is.
struct JobStatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show how far a job is, who is at what, and what the engine says.",
    discussion: """
      Example:
        vptq job status q.job --json
      """)

  @Argument(help: "The job folder.")
  var job: String

  @Option(help: "A worker that gave no sign of life for so many seconds counts as gone.")
  var staleAfter = JobWorker.defaultStaleSeconds

  @OptionGroup var common: CommonOptions

  func run() async throws {
    let job = try QuantizationJob(path: URL(fileURLWithPath: self.job).standardizedFileURL.path)
    let status = job.status(staleSeconds: staleAfter)
    let (submission, engine, trouble) = Engines.view(of: job)
    if common.json {
      var fields = status.fields
      fields.append(("output", .string(job.arguments.output)))
      fields.append(("engine", submission.map { .string($0.engine) } ?? .null))
      fields.append(("engine_states", .array(engine.map(Self.document))))
      fields.append(("engine_trouble", trouble.map(JSONValue.string) ?? .null))
      print(JSONValue.object(fields).serialized(pretty: true))
      return
    }
    let head = ["stage", "tasks", "done", "running", "ready", "waiting", "failed", "time taken"]
    let rows = status.stages.map { stage in
      [stage.name]
        + [stage.count, stage.done, stage.running, stage.ready, stage.waiting, stage.failed].map(String.init)
        + [Console.clock(stage.seconds)]
    }
    for line in Console.table([head] + rows) { print(line) }
    for entry in status.running {
      print(
        "\(entry.task): process \(entry.process) on \(entry.host)\(entry.label.isEmpty ? "" : ", \(entry.label)"), last sign \(Int(entry.age)) s ago"
      )
    }
    for failure in status.failures { print("\(failure.task) (task \(failure.index)) failed: \(failure.message)") }
    showEngine(submission, engine, trouble)
    print(
      status.isFinished
        ? "all tasks are done; next: vptq job merge \(self.job)" : "\(status.done) of \(status.count) tasks are done")
  }

  private func showEngine(_ submission: Submission?, _ states: [EngineState], _ trouble: String?) {
    guard let submission, !submission.pieces.isEmpty else { return }
    if let trouble { Console.writeError("note: \(trouble)") }
    for piece in submission.pieces {
      let own = states.filter { $0.name == piece.number || $0.name.hasPrefix(piece.number + "_") }
      let counts = Dictionary(grouping: own, by: \.state).map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
      let reasons = Set(own.map(\.reason).filter { !$0.isEmpty }).sorted().joined(separator: ", ")
      let text = counts.map { "\($0.1) \($0.0)" }.joined(separator: ", ")
      print(
        "\(submission.engine) \(piece.number), \(piece.stage): \(text.isEmpty ? "not known any more" : text)\(reasons.isEmpty ? "" : " (\(reasons))")"
      )
    }
  }

  private static func document(_ state: EngineState) -> JSONValue {
    .object([
      ("stage", .string(state.stage)), ("name", .string(state.name)), ("state", .string(state.state)),
      ("reason", .string(state.reason)),
    ])
  }
}

/// The engines that a job can be submitted to.
enum Engines {
  static let names = [LocalLauncher.engine, SlurmLauncher.engine]

  /// What was submitted of a job, and what its engine says; where it cannot be asked, why.
  static func view(of job: QuantizationJob) -> (Submission?, [EngineState], String?) {
    guard let submission = Submission(job: job.path), submission.engine == SlurmLauncher.engine else {
      return (nil, [], nil)
    }
    do {
      return (submission, try SlurmLauncher().states(of: submission), nil)
    } catch {
      return (submission, [], "\(submission.engine) cannot be asked here: \(error)")
    }
  }
}
