import Foundation

/// How far a job is, as its folder tells at one moment.
struct JobState {
  /// What has become of a task.
  enum Progress: Hashable {
    /// Its result is there, or nobody needs it any more.
    case done
    case failed
    /// All it reads is there.
    case ready
    case waiting
  }

  /// By task.
  let progress: [Progress]
  /// By task, whether it has to be done.
  let needed: [Bool]

  init(_ job: OpenedJob) {
    let folder = job.results.folder
    let names = Set(folder.names)
    if job.results.plan == nil, let allocation = job.graph[.allocation], job.results.isDone(allocation, names: names) {
      _ = try? job.executor.allocate()
    }
    let failures = Set(
      (try? FileManager.default.contentsOfDirectory(atPath: folder.path + "/" + JobFolder.failures)) ?? [])
    var isDone = [Bool?](repeating: nil, count: job.graph.tasks.count)
    func done(_ task: JobTask) -> Bool {
      if let known = isDone[task.index] { return known }
      let value = job.results.isDone(task, names: names)
      isDone[task.index] = value
      return value
    }
    let needed = job.graph.needed(for: job.graph.results, isDone: done)
    self.needed = needed
    progress = job.graph.tasks.map { task in
      if !needed[task.index] { return .done }
      if failures.contains(task.name + ".json") { return .failed }
      return task.inputs.allSatisfy { done(job.graph.tasks[$0]) } ? .ready : .waiting
    }
  }

  /// Whether nothing is left to do.
  var isFinished: Bool { !needed.contains(true) }
}
