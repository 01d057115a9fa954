import Foundation
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Launching

@Suite("Slurm")
struct SlurmTests {
  @Test("Indices of an array are written as ranges")
  func ranges() {
    #expect(SlurmScript.ranges([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8")
    #expect(SlurmScript.ranges([3]) == "3")
  }

  /// What squeue 22.05 prints for `--format=%F|%K|%T|%r`.
  @Test("squeue's lines: elements, single jobs, reasons; other people's jobs are left out")
  func queue() {
    let text = """
      17|0|RUNNING|None
      17|1|PENDING|JobArrayTaskLimit
      18|N/A|PENDING|Dependency
      99|0|RUNNING|None

      """
    let states = SlurmStates.parseQueue(text, ["17": "statistics", "18": "merge"])
    #expect(
      states == [
        EngineState(stage: "statistics", name: "17_0", state: "RUNNING"),
        EngineState(stage: "statistics", name: "17_1", state: "PENDING", reason: "JobArrayTaskLimit"),
        EngineState(stage: "merge", name: "18", state: "PENDING", reason: "Dependency"),
      ])
  }

  /// What sacct 22.05 prints for `-X -n -P --format=JobID,State`.
  @Test("sacct's lines: who cancelled is left out")
  func accounting() {
    let text = "17_0|COMPLETED\n17_[1-4]|CANCELLED by 0\n18|FAILED\n"
    #expect(
      SlurmStates.parseAccounting(text, ["17": "statistics", "18": "merge"]) == [
        EngineState(stage: "statistics", name: "17_0", state: "COMPLETED"),
        EngineState(stage: "statistics", name: "17_[1-4]", state: "CANCELLED"),
        EngineState(stage: "merge", name: "18", state: "FAILED"),
      ])
  }

  @Test("An array asks for what its tasks take, waits for the arrays before it, and runs lanes by number")
  func script() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    try ArchitectureFixture("llama").write(to: URL(fileURLWithPath: path("model")), dtype: .float16)
    var arguments = JobArguments(
      model: path("model"), output: path("out"), recipe: try QuantizationRecipe(preset: "v2-k16"), text: (8, 8))
    arguments.division = JobDivision(shards: 2, partsPerBlock: 16)
    let windows = CalibrationWindows(windows: (0..<8).map { _ in [Int](1...8) })
    let job = try QuantizationJob.plan(at: path("it's a job"), arguments: arguments, windows: windows)
    let request = LaunchRequest(
      job: job, costs: try job.costs(), program: "/opt/vptq", parallel: 3, threads: 2)
    var launcher = SlurmLauncher()
    (launcher.partition, launcher.options) = ("cpu", ["--account=lab"])
    let stages = job.graph.stages
    let index = try #require(stages.firstIndex { $0.name == "quantization" })
    let script = SlurmScript(
      request: request, stage: stages[index], stageIndex: index, base: 0, lanes: [0, 1, 2, 6], after: ["17", "18"],
      launcher: launcher)
    #expect(
      Set(script.options).isSuperset(of: [
        "--parsable", "--requeue", "--job-name=vptq-quantization", "--partition=cpu", "--account=lab",
        "--array=0-2,6%3",
        "--cpus-per-task=2", "--dependency=afterok:17:18", "--kill-on-invalid-dep=yes", "--time=10",
        "--output=\(job.path)/logs/slurm-%A_%a.log",
      ]))
    let memory = try #require(script.options.first { $0.hasPrefix("--mem=") })
    #expect(Int(memory.dropFirst(6).dropLast()).map { (200..<400).contains($0) } == true, "\(memory)")
    let quoted = job.path.replacingOccurrences(of: "'", with: #"'\''"#)
    #expect(
      script.text.contains(
        "exec '/opt/vptq' 'job' 'run' '\(quoted)' '--stage' '\(index)' '--threads' '2' --lane \"$((SLURM_ARRAY_TASK_ID + 0))\""
      ), "\(script.text)")
  }

  @Test("What was submitted is kept in the job folder")
  func submission() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect(Submission(job: folder.path) == nil)
    let submission = Submission(engine: "slurm", pieces: [.init(stage: "statistics", number: "17", count: 4)])
    try submission.write(job: folder.path)
    #expect(Submission(job: folder.path) == submission)
  }
}
