import Foundation
import Quantization
public import Tensors

/// Runs the tasks of a job in processes of this machine and waits for them.
public struct LocalLauncher: TaskLauncher {
  /// `local`.
  public static let engine = "local"

  /// A launcher of processes here.
  public init() {}

  /// Starts `parallel` workers, each of which takes tasks until none is left, and waits for all of them.
  ///
  /// - Throws: `LaunchingError` (`workerFailed`) with what the workers said if one of them failed.
  public func launch(_ request: LaunchRequest, progress: any ProgressListener) throws -> Submission {
    var processes: [(process: Process, log: String)] = []
    for number in 0..<request.parallel {
      let log = "\(request.job.path)/logs/worker-\(number).log"
      guard FileManager.default.createFile(atPath: log, contents: nil), let handle = FileHandle(forWritingAtPath: log)
      else { throw LaunchingError(.cannotWrite, "cannot write \(log)") }
      let process = Process()
      process.executableURL = URL(fileURLWithPath: request.program)
      process.arguments =
        ["job", "run", request.job.path, "--all", "--threads", "\(request.threads)", "--label", "worker \(number)"]
        + request.arguments
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = handle
      process.standardError = handle
      do {
        try process.run()
      } catch {
        for entry in processes { entry.process.terminate() }
        throw LaunchingError(.workerFailed, "cannot run \(request.program): \(error.localizedDescription)")
      }
      processes.append((process, log))
    }
    while processes.contains(where: { $0.process.isRunning }) {
      let stages = request.job.status().stages
      progress.report(
        "running tasks", completed: stages.reduce(0) { $0 + $1.done }, total: stages.reduce(0) { $0 + $1.count },
        unit: .items("tasks"))
      Thread.sleep(forTimeInterval: 1)
    }
    for entry in processes { entry.process.waitUntilExit() }
    if let failed = processes.first(where: { $0.process.terminationStatus != 0 }) {
      let said = FileManager.default.contents(atPath: failed.log).map { String(decoding: $0, as: UTF8.self) } ?? ""
      let last = said.split(separator: "\n").last { !$0.isEmpty } ?? "nothing"
      throw LaunchingError(
        .workerFailed,
        "a worker ended with \(failed.process.terminationStatus) and said: \(last) (\(failed.log)); the same command goes on"
      )
    }
    return Submission(engine: Self.engine, pieces: [])
  }

  /// Nothing: processes of this machine are seen in the job folder.
  public func states(of submission: Submission) -> [EngineState] { [] }
}
