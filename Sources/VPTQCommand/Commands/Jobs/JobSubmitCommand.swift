import ArgumentParser
import Foundation
import JSONReader
import Launching
import Quantization
import Tensors

/// `vptq job submit`: gives the tasks of a job to this machine or to a cluster.
struct JobSubmitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit",
    abstract: "Give the unfinished tasks of a job to processes of this machine, or to Slurm.",
    discussion: """
      With --engine local the command ends when all tasks are done. With --engine slurm it ends when all arrays are
      submitted, the last of which merges; submitted again it hands over what is still unfinished.

      Examples:
        vptq job submit q.job --engine local --parallel 4
        vptq job submit q.job --engine slurm --partition cpu --parallel 64 --threads 8
      """)

  @Argument(help: "The job folder.")
  var job: String

  @Option(help: ArgumentHelp("Where tasks are run: local or slurm.", valueName: "local|slurm"))
  var engine: String

  @Option(help: "Processes at a time; with slurm, elements of each array.")
  var parallel = 4

  @Option(help: "Slurm's partition (default: the cluster's).")
  var partition: String?

  @Option(
    help: ArgumentHelp(
      "An option for sbatch, for instance --engine-option=--account=lab; repeatable.", valueName: "option"))
  var engineOption: [String] = []

  @Option(help: "How many times the estimated time Slurm is asked for.")
  var timeFactor = 3.0

  @Flag(inversion: .prefixedNo, help: "Let a last job of Slurm merge.")
  var merge = true

  @Flag(help: "Try tasks again that failed before.")
  var retry = false

  @Option(help: "Take over a task whose worker gave no sign of life for so many seconds.")
  var staleAfter: Double?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard Engines.names.contains(engine) else {
      throw ValidationError("--engine must be \(Engines.names.joined(separator: " or ")), not \(engine)")
    }
    guard (1...10_000).contains(parallel) else {
      throw ValidationError("--parallel must be between 1 and 10000, not \(parallel)")
    }
    guard (0.1...1000).contains(timeFactor) else {
      throw ValidationError("--time-factor must be between 0.1 and 1000, not \(timeFactor)")
    }
  }

  func run() async throws {
    let job = try QuantizationJob(path: URL(fileURLWithPath: self.job).standardizedFileURL.path)
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let threads = common.threads ?? (engine == LocalLauncher.engine ? max(1, cores / parallel) : 4)
    guard let program = Bundle.main.executablePath else {
      throw Failure(exit: .internalError, code: "internal", message: "the path of this program is not known")
    }
    var request = LaunchRequest(
      job: job, costs: try job.costs(), program: program, parallel: parallel, threads: threads)
    if retry { request.arguments.append("--retry") }
    if let staleAfter { request.arguments += ["--stale-after", "\(staleAfter)"] }
    let progress = ConsoleProgress(quiet: common.quiet)
    defer { progress.clear() }
    let submission = try launcher.launch(request, progress: progress)
    progress.clear()
    let status = job.status()
    if common.json {
      let pieces = submission.pieces.map { piece in
        JSONValue.object([
          ("stage", .string(piece.stage)), ("number", .string(piece.number)), ("count", .integer(piece.count)),
        ])
      }
      print(
        JSONValue.object([
          ("engine", .string(engine)), ("finished", .bool(status.isFinished)), ("pieces", .array(pieces)),
        ]).serialized(pretty: true))
    } else if submission.pieces.isEmpty {
      print("all tasks are done; next: vptq job merge \(self.job)")
    } else {
      for piece in submission.pieces { print("\(engine) \(piece.number): \(piece.stage), \(piece.count)") }
    }
  }

  private var launcher: any TaskLauncher {
    if engine == LocalLauncher.engine { return LocalLauncher() }
    var slurm = SlurmLauncher()
    (slurm.partition, slurm.options, slurm.timeFactor, slurm.merges) = (partition, engineOption, timeFactor, merge)
    return slurm
  }
}
