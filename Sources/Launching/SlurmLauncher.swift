import Foundation
import Quantization
public import Tensors

/// Hands the tasks of a job to Slurm: an array for each stage, which waits for the arrays it reads of, and a last job that merges.
///
/// Every element of an array is a lane of its stage. Time and memory are asked for as the costs of its tasks say; elements may be
/// requeued, since a task that was cut off is done again.
public struct SlurmLauncher: TaskLauncher {
  /// `slurm`.
  public static let engine = "slurm"

  /// The partition; nil: the cluster's default.
  public var partition: String?
  /// More options of `sbatch`, for instance `--account=lab`.
  public var options: [String] = []
  /// How many times the estimated time is asked for.
  public var timeFactor = 3.0
  /// Whether a last job puts the model together.
  public var merges = true
  /// Elements of one array at most; Slurm's own limit is its `MaxArraySize`.
  static let arrayLimit = 1000

  /// A launcher with Slurm's own defaults.
  public init() {}

  /// Submits an array for every stage with unfinished tasks, then the job that merges; `submission.json` knows each as soon as Slurm
  /// does.
  ///
  /// - Throws: `LaunchingError`: `missingEngine` where Slurm is not installed, `engineFailed` with what `sbatch` said,
  ///   `alreadySubmitted` while pieces of the last submission wait or run, `cannotWrite`.
  public func launch(_ request: LaunchRequest, progress: any ProgressListener) throws -> Submission {
    let path = request.job.path
    if let last = Submission(job: path), last.engine == Self.engine {
      let active = try states(of: last).filter { SlurmStates.isActive($0.state) }
      guard active.isEmpty else {
        throw LaunchingError(
          .alreadySubmitted,
          "\(active.count) pieces of the last submission are still \(active[0].state.lowercased()) (\(active[0].name)); wait for them, or scancel them first"
        )
      }
    }
    let pending = Set(request.job.pending)
    var pieces: [Submission.Piece] = []
    var numbersOfStage: [Int: [String]] = [:]
    for (index, stage) in request.job.graph.stages.enumerated() {
      let lanes = stage.lanes.indices.filter { stage.lanes[$0].contains(where: pending.contains) }
      guard !lanes.isEmpty else { continue }
      let after = stage.after.flatMap { numbersOfStage[$0] ?? [] }
      for base in Set(lanes.map { $0 / Self.arrayLimit }).sorted() {
        let part = lanes.filter { $0 / Self.arrayLimit == base }
        let number = try submit(
          SlurmScript(
            request: request, stage: stage, stageIndex: index, base: base * Self.arrayLimit,
            lanes: part, after: after, launcher: self), stage.name)
        numbersOfStage[index, default: []].append(number)
        pieces.append(.init(stage: stage.name, number: number, count: part.count))
        // Kept at once, so that a later failure leaves nothing unknown behind.
        try Submission(engine: Self.engine, pieces: pieces).write(job: path)
      }
    }
    if merges {
      let after = numbersOfStage.values.flatMap(\.self).sorted()
      let number = try submit(SlurmScript(mergeOf: request, after: after, launcher: self), "merge")
      pieces.append(.init(stage: "merge", number: number, count: 1))
    }
    let submission = Submission(engine: Self.engine, pieces: pieces)
    try submission.write(job: path)
    return submission
  }

  private func submit(_ script: SlurmScript, _ stage: String) throws -> String {
    let result = try Command.run("sbatch", script.options, input: script.text)
    // "17" or "17;cluster".
    let number = result.output.split(whereSeparator: { $0 == ";" || $0.isNewline }).first.map(String.init) ?? ""
    guard result.status == 0, Int(number) != nil else {
      throw LaunchingError(
        .engineFailed,
        "sbatch refused the stage \(stage): \(result.errors.trimmingCharacters(in: .whitespacesAndNewlines)); what was submitted before it stays, see vptq job status"
      )
    }
    return number
  }

  /// What `squeue` and, where accounting is kept, `sacct` say of every element.
  ///
  /// - Throws: `LaunchingError`: `missingEngine`, `engineFailed`.
  public func states(of submission: Submission) throws -> [EngineState] {
    try SlurmStates.read(submission)
  }
}
