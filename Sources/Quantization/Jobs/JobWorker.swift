import CKernels
import Checkpoints
import Foundation
import JSONReader
public import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Does tasks of a job beside any number of other workers.
///
/// A worker that is killed loses the task it was at; another takes it once the claim is void.
public final class JobWorker {
  /// What a call did.
  public enum Outcome: Sendable, Equatable {
    /// A task, by index.
    case ran(Int)
    /// Nothing: its result was there.
    case alreadyDone
    /// Nothing: no task is free at present.
    case nothingFree
    /// Nothing is left to do.
    case finished
  }

  private let job: QuantizationJob
  private let claims: TaskClaims
  private let log: TaskLog
  private let isCancelled: () -> Bool
  private let progress: any ProgressListener
  /// Asks the model for calibration text, where a task does.
  public var writesText: (() throws -> CalibrationWindows)? {
    didSet { job.opened.executor.writesText = writesText }
  }
  /// Is told of each task that begins and ends.
  public var onTask: (_ name: String, _ seconds: Double?) -> Void = { _, _ in }
  /// Whether tasks that failed before are tried again.
  public var retriesFailed = false

  /// Seconds after which a claim that nobody touches is void.
  public static let defaultStaleSeconds = 60.0

  /// A worker; `label` names it in logs and in the status, for instance by the number a cluster engine gave it.
  public init(
    _ job: QuantizationJob, label: String = "", staleSeconds: Double = defaultStaleSeconds,
    progress: any ProgressListener = SilentProgress(), isCancelled: @escaping () -> Bool = { false }
  ) {
    self.job = job
    self.progress = progress
    self.isCancelled = isCancelled
    claims = TaskClaims(
      folder: job.path + "/" + JobFolder.claims, label: label, staleSeconds: max(1, staleSeconds))
    log = TaskLog(folder: job.path + "/" + JobFolder.logs, label: label)
  }

  /// Does tasks until the job is finished, waiting for those that others are at.
  ///
  /// - Throws: `QuantizationError`: `taskFailed` if what is left depends on tasks that failed, `interrupted`; or what a task throws.
  public func runAll() throws {
    while try runNext(waits: true) != .finished {}
  }

  /// Takes any free task.
  ///
  /// - Parameter waits: whether to wait for one where all are taken or wait for others.
  public func runNext(waits: Bool = false) throws -> Outcome {
    while true {
      try checkCancelled()
      let state = JobState(job.opened)
      if state.isFinished { return .finished }
      for task in job.graph.tasks where isFree(task, state) {
        if try run(task) { return .ran(task.index) }
      }
      let living = claims.living()
      if living.isEmpty { try refuseFailed(state) }
      guard waits else { return .nothingFree }
      try pause(state)
    }
  }

  /// Does one task, whatever others there are; those it reads of are done first where nobody is at them.
  ///
  /// - Throws: `QuantizationError` (`incomplete`) if its inputs are not there and `waits` is off, (`taskFailed`) if one of them failed.
  public func run(index: Int, waits: Bool) throws -> Outcome {
    guard job.graph.tasks.indices.contains(index) else {
      throw QuantizationError(
        .incomplete, "there is no task \(index); the job has tasks 0 to \(job.graph.tasks.count - 1)")
    }
    let task = job.graph.tasks[index]
    while true {
      try checkCancelled()
      let state = JobState(job.opened)
      if state.progress[index] == .done { return .alreadyDone }
      if task.inputs.allSatisfy({ job.opened.results.isDone(job.graph.tasks[$0]) }) {
        if try run(task) { return .ran(index) }
        guard waits else {
          let holder = claims.holder(task.name)
          throw QuantizationError(
            .incomplete,
            "task \(index) (\(task.name)) is being done by process \(holder?.process ?? 0) on \(holder?.host ?? "another machine")"
          )
        }
      } else if !waits {
        let missing = task.inputs.filter { !job.opened.results.isDone(job.graph.tasks[$0]) }
        throw QuantizationError(
          .incomplete,
          "task \(index) (\(task.name)) waits for \(missing.map { "\($0) (\(job.graph.tasks[$0].name))" }.joined(separator: ", "))"
        )
      } else if let other = ancestors(of: task).first(where: { isFree(job.graph.tasks[$0], state) }) {
        // Whoever was to do it may come later than this worker, and would find nothing left to do.
        if try run(job.graph.tasks[other]) { continue }
      } else if claims.living().isEmpty {
        try refuseFailed(state)
      }
      try pause(state)
    }
  }

  /// The tasks that a task depends on, earliest first.
  private func ancestors(of task: JobTask) -> [Int] {
    var found: Set<Int> = []
    var pending = task.inputs
    while let next = pending.popLast() {
      if found.insert(next).inserted { pending += job.graph.tasks[next].inputs }
    }
    return found.sorted()
  }

  private func isFree(_ task: JobTask, _ state: JobState) -> Bool {
    switch state.progress[task.index] {
    case .ready: true
    case .failed:
      retriesFailed && task.inputs.allSatisfy { job.opened.results.isDone(job.graph.tasks[$0]) }
    case .done, .waiting: false
    }
  }

  private func checkCancelled() throws {
    if isCancelled() {
      throw QuantizationError(
        .interrupted, "interrupted; finished tasks are in \(job.path), any worker goes on from there")
    }
  }

  private func refuseFailed(_ state: JobState) throws {
    let failed = job.graph.tasks.filter { state.progress[$0.index] == .failed }
    guard let first = failed.first, !retriesFailed, !state.progress.contains(.ready) else { return }
    throw QuantizationError(
      .taskFailed,
      "what is left waits for \(failed.count) task\(failed.count == 1 ? "" : "s") that failed (\(first.name): \(failure(first))); mend the cause and run with --retry"
    )
  }

  private func failurePath(_ task: JobTask) -> String { "\(job.path)/\(JobFolder.failures)/\(task.name).json" }

  private func failure(_ task: JobTask) -> String {
    (try? JSONFile.read(failurePath(task)))?["message"]?.stringValue ?? "no reason known"
  }

  /// A second, or longer where many tasks make looking at the folder costly.
  private func pause(_ state: JobState) throws {
    let seconds = min(5, 0.2 + Double(state.progress.count) / 2000)
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      try checkCancelled()
      Thread.sleep(forTimeInterval: 0.05)
    }
  }

  /// Does a task unless another worker has it or has done it.
  private func run(_ task: JobTask) throws -> Bool {
    guard try claims.claim(task.name) else { return false }
    defer { claims.release(task.name) }
    // Between the look at the folder and the claim another may have done it, and have removed what it read.
    guard !job.opened.results.isDone(task),
      task.inputs.allSatisfy({ job.opened.results.isDone(job.graph.tasks[$0]) })
    else { return false }
    let start = ContinuousClock.now
    let processorStart = clock()
    onTask(task.name, nil)
    log.append(.start, task)
    do {
      try job.opened.executor.execute(task) { share, detail in
        progress.report(task.name, detail: detail, completed: Int(share * 1000), total: 1000, unit: .share)
        try checkCancelled()
      }
    } catch let error as QuantizationError where error.code == .interrupted {
      log.append(.interrupted, task)
      throw error
    } catch {
      record(error, of: task)
      throw error
    }
    let seconds = Double(start.duration(to: .now) / .seconds(1))
    log.append(
      .done, task,
      fields: [
        ("stage", .string(task.stage)), ("seconds", .number(seconds)),
        ("processor_seconds", .number(Double(clock() - processorStart) / Double(CLOCKS_PER_SEC))),
        ("threads", .integer(WorkerPool.shared.threadCount)),
        ("peak_memory_bytes", .integer(Self.peakMemory)),
        ("bytes", .integer(Self.size(job.opened.results.folder.file(task)))),
      ])
    onTask(task.name, seconds)
    unlink(failurePath(task))
    releaseInputs(of: task)
    return true
  }

  private func record(_ error: any Error, of task: JobTask) {
    let message = String(describing: error)
    log.append(.failed, task, fields: [("message", .string(message))])
    try? job.opened.results.folder.write(
      .object([
        ("message", .string(message)), ("host", .string(TaskClaims.host)),
        ("time", .string(Date().ISO8601Format())),
      ]), to: failurePath(task))
  }

  /// Removes results that nobody will read any more.
  private func releaseInputs(of task: JobTask) {
    let state = JobState(job.opened)
    for input in task.inputs where job.graph.readers[input].allSatisfy({ !state.needed[$0] }) {
      job.opened.results.release(job.graph.tasks[input])
    }
  }

  private static var peakMemory: Int {
    var usage = rusage()
    #if canImport(Darwin)
      getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss)
    #else
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return Int(usage.ru_maxrss) * 1024
    #endif
  }

  private static func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }
}
