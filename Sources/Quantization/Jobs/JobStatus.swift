import Checkpoints
import Foundation
public import JSONReader

/// How far a job is: what the folder tells.
public struct JobStatus: Sendable {
  /// The tasks of one kind.
  public struct Stage: Sendable {
    /// What kind of work it is.
    public let name: String
    /// All of them.
    public let count: Int
    /// Those whose results are there or are not needed any more.
    public let done: Int
    /// Those that a worker is at.
    public let running: Int
    /// Those that failed.
    public let failed: Int
    /// Those that any worker can take.
    public let ready: Int
    /// Those that wait for others.
    public let waiting: Int
    /// Seconds that its finished tasks took, as far as logs tell.
    public let seconds: Double
  }

  /// A task that a worker is at.
  public struct Running: Sendable {
    /// The task's name.
    public let task: String
    /// The machine of its worker.
    public let host: String
    /// The worker's number on that machine.
    public let process: Int
    /// What the worker was called.
    public let label: String
    /// Seconds since the worker last gave a sign of life.
    public let age: Double
  }

  /// A task that failed.
  public struct Failure: Sendable {
    /// Its number.
    public let index: Int
    /// Its name.
    public let task: String
    /// What went wrong.
    public let message: String
  }

  /// In the order of the work.
  public let stages: [Stage]
  /// Who is at what.
  public let running: [Running]
  /// What failed.
  public let failures: [Failure]
  /// Whether nothing is left to do but to merge.
  public let isFinished: Bool

  /// All tasks.
  public var count: Int { stages.reduce(0) { $0 + $1.count } }
  /// Those that are done.
  public var done: Int { stages.reduce(0) { $0 + $1.done } }

  /// The fields that `job status --json` gives.
  public var fields: [(key: String, value: JSONValue)] {
    [
      ("finished", .bool(isFinished)), ("tasks", .integer(count)), ("done", .integer(done)),
      (
        "stages",
        .array(
          stages.map {
            .object([
              ("name", .string($0.name)), ("tasks", .integer($0.count)), ("done", .integer($0.done)),
              ("running", .integer($0.running)), ("ready", .integer($0.ready)), ("waiting", .integer($0.waiting)),
              ("failed", .integer($0.failed)), ("seconds", .number($0.seconds)),
            ])
          })
      ),
      (
        "running",
        .array(
          running.map {
            .object([
              ("task", .string($0.task)), ("host", .string($0.host)), ("process", .integer($0.process)),
              ("label", .string($0.label)), ("seconds_since_sign", .number($0.age)),
            ])
          })
      ),
      (
        "failures",
        .array(
          failures.map {
            .object([("index", .integer($0.index)), ("task", .string($0.task)), ("message", .string($0.message))])
          })
      ),
    ]
  }
}

extension QuantizationJob {
  /// How far the job is.
  public func status(staleSeconds: Double = JobWorker.defaultStaleSeconds) -> JobStatus {
    let state = JobState(opened)
    let living = TaskClaims(folder: path + "/" + JobFolder.claims, label: "", staleSeconds: staleSeconds).living()
    let log = TaskLog(folder: path + "/" + JobFolder.logs, label: "")
    var names: [String] = []
    var tasksOfStage: [String: [JobTask]] = [:]
    for task in graph.tasks {
      if tasksOfStage[task.stage] == nil { names.append(task.stage) }
      tasksOfStage[task.stage, default: []].append(task)
    }
    let stages = names.map { name -> JobStatus.Stage in
      let tasks = tasksOfStage[name] ?? []
      let running = tasks.filter { living[$0.name] != nil && state.progress[$0.index] != .done }
      func count(_ progress: JobState.Progress) -> Int {
        tasks.count { state.progress[$0.index] == progress && living[$0.name] == nil }
      }
      let seconds = tasks.reduce(0.0) { sum, task in
        sum + (log.lines(task).last { $0["event"]?.stringValue == "done" }?["seconds"]?.doubleValue ?? 0)
      }
      return JobStatus.Stage(
        name: name, count: tasks.count, done: tasks.count { state.progress[$0.index] == .done },
        running: running.count, failed: count(.failed), ready: count(.ready), waiting: count(.waiting),
        seconds: seconds)
    }
    let failures = graph.tasks.filter { state.progress[$0.index] == .failed }.map { task in
      JobStatus.Failure(
        index: task.index, task: task.name,
        message: (try? JSONFile.read("\(path)/\(JobFolder.failures)/\(task.name).json"))?["message"]?.stringValue ?? "")
    }
    return JobStatus(
      stages: stages,
      running: living.sorted { $0.key < $1.key }.map {
        JobStatus.Running(
          task: $0.key, host: $0.value.host, process: Int($0.value.process), label: $0.value.label, age: $0.value.age)
      }, failures: failures, isFinished: state.isFinished)
  }

  /// Tasks that have to be done, by index.
  public var pending: [Int] {
    let state = JobState(opened)
    return graph.tasks.map(\.index).filter { state.needed[$0] }
  }
}
