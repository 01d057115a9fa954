import Foundation
import Quantization

/// What `sbatch` is given for one array.
struct SlurmScript {
  /// The options of `sbatch`.
  let options: [String]
  /// The script.
  let text: String

  init(
    request: LaunchRequest, stage: TaskStage, stageIndex: Int, base: Int, lanes: [Int], after: [String],
    launcher: SlurmLauncher
  ) {
    let pending = lanes.map { stage.lanes[$0] }
    let costs = pending.map { lane in lane.map { request.costs.costs[$0] } }
    let seconds =
      costs.map { lane in
        lane.reduce(0) {
          $0 + $1.seconds(threads: request.threads, bytesPerSecond: Self.bytesPerSecond)
        }
      }.max() ?? 0
    let memory = costs.joined().map(\.memory).max() ?? 0
    let indices = Self.ranges(lanes.map { $0 - base })
    var options = Self.common(request, stage.name, after, launcher)
    options += [
      "--array=\(indices)%\(request.parallel)",
      "--cpus-per-task=\(request.threads)",
      "--mem=\(Self.megabytes(memory))M",
      "--time=\(Self.minutes(seconds, launcher.timeFactor))",
      "--output=\(request.job.path)/logs/slurm-%A_%a.log",
    ]
    self.options = options + launcher.options
    text = Self.script(
      request,
      ["run", request.job.path, "--stage", "\(stageIndex)", "--threads", "\(request.threads)"] + request.arguments,
      more:
        #" --lane "$((SLURM_ARRAY_TASK_ID + \#(base)))" --label "slurm ${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}""#)
  }

  init(mergeOf request: LaunchRequest, after: [String], launcher: SlurmLauncher) {
    let seconds = Double(request.costs.outputBytes) * 3 / Self.bytesPerSecond
    options =
      Self.common(request, "merge", after, launcher) + [
        "--cpus-per-task=1", "--mem=2048M", "--time=\(Self.minutes(seconds, launcher.timeFactor))",
        "--output=\(request.job.path)/logs/slurm-%j.log",
      ] + launcher.options
    text = Self.script(request, ["merge", request.job.path], more: "")
  }

  /// Bytes a second that a shared file system is trusted to move for each process.
  private static let bytesPerSecond = 100e6

  private static func common(
    _ request: LaunchRequest, _ stage: String, _ after: [String], _ launcher: SlurmLauncher
  ) -> [String] {
    var options = [
      "--parsable", "--requeue", "--open-mode=append",
      "--job-name=vptq-\(stage.replacingOccurrences(of: " ", with: "-"))",
    ]
    if let partition = launcher.partition { options.append("--partition=\(partition)") }
    if !after.isEmpty {
      options += ["--dependency=afterok:\(after.joined(separator: ":"))", "--kill-on-invalid-dep=yes"]
    }
    return options
  }

  private static func script(_ request: LaunchRequest, _ arguments: [String], more: String) -> String {
    let words = ([request.program, "job"] + arguments).map(quoted).joined(separator: " ")
    return "#!/bin/sh\n# The process itself gets Slurm's signals.\nexec \(words)\(more)\n"
  }

  private static func quoted(_ word: String) -> String {
    "'" + word.replacingOccurrences(of: "'", with: #"'\''"#) + "'"
  }

  /// A tenth and 200 MB on top of what is foreseen.
  private static func megabytes(_ bytes: Int) -> Int { 200 + Int(1.1 * Double(bytes) / 1_000_000) }

  private static func minutes(_ seconds: Double, _ factor: Double) -> Int { 10 + Int(seconds * factor / 60) }

  /// `[0, 1, 2, 5]` as `0-2,5`.
  static func ranges(_ numbers: [Int]) -> String {
    var parts: [(Int, Int)] = []
    for number in numbers {
      if let last = parts.last, last.1 + 1 == number {
        parts[parts.count - 1].1 = number
      } else {
        parts.append((number, number))
      }
    }
    return parts.map { $0.0 == $0.1 ? "\($0.0)" : "\($0.0)-\($0.1)" }.joined(separator: ",")
  }
}
