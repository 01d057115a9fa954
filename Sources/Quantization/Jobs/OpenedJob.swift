import Checkpoints
import JSONReader
import LanguageModels
import Tensors

/// A quantization with its folder, ready for its tasks to be done by whoever opened it.
struct OpenedJob {
  let work: JobWork
  let graph: TaskGraph
  let results: TaskResults
  let executor: TaskExecutor

  /// Opens or creates the job folder of some work.
  ///
  /// - Parameters:
  ///   - windows: the calibration text, if it is there.
  ///   - residentLimit: as in `TaskResults`.
  ///   - arguments: what a planned job needs to be opened again.
  ///   - digests: those of the weights, where they have been taken before.
  /// - Throws: `QuantizationError`: `jobMismatch` if the folder belongs to other work, `badStatistics` or `missingInput` if second
  ///   moments that are to be read cannot serve, `cannotWrite`.
  init(
    _ work: JobWork, windows: CalibrationWindows?, path: String, residentLimit: Int?, arguments: JSONValue? = nil,
    digests: [String]? = nil
  ) throws {
    self.work = work
    let digests = try digests ?? WeightDigests(work.model, blocks: work.blockCount).digests
    var read: ReadStatistics?
    if case .read(let folder) = work.source {
      let blocks = Set(work.plan.matrices.map(\.block))
      read = try ReadStatistics(
        folder, model: work.model,
        inputsOfBlock: Dictionary(uniqueKeysWithValues: blocks.map { ($0, work.matrices(ofBlock: $0).inputWidths) }),
        digests: digests)
    }
    let recorder = try work.keptMoments.map {
      try SecondMomentRecorder(
        $0, model: work.model, windows: windows,
        weighing: work.guidance > 0 ? "\(work.guidance) \(work.seed)" : nil, digests: digests)
    }
    let folder = try JobFolder(
      path: path, fingerprints: try work.fingerprints(windows: windows, read: read), arguments: arguments)
    graph = TaskGraph(work)
    results = TaskResults(
      work, folder: folder, digests: digests, residentLimit: residentLimit, windows: windows, read: read,
      recorder: recorder)
    executor = TaskExecutor(work, graph: graph, results: results, text: windows)
    try takeKeptSensitivity()
  }

  /// An analysis that is kept beside second moments spares one here.
  private func takeKeptSensitivity() throws {
    guard work.budget != nil, let task = graph[.allocation], !results.isDone(task),
      let known = SensitivityAnalysis.kept(work, digests: results.digests)
    else { return }
    try SensitivityFile(path: results.folder.file(task), fingerprint: results.weights(task)).write(known)
  }

  /// What to tell of text that cannot be weighed.
  var weighingNotice: String? {
    guard work.measures, work.guidance > 0 else { return nil }
    return work.withoutGradients.map { "there are no gradients to weigh tokens by, so all count alike: \($0)" }
  }

  /// Puts the finished blocks together as the output folder.
  ///
  /// - Throws: `QuantizationError` (`incomplete`) if a part is missing or damaged, or whatever reading and writing throw.
  func assemble(
    output: String, notices: [String], resumedBlocks: Int, progress: any ProgressListener, isCancelled: () -> Bool
  ) throws -> ModelQuantizer.Summary {
    _ = try executor.allocate()
    let plan = results.plan ?? work.plan
    let blocks = try graph.tasks.compactMap { task -> FinishedBlock? in
      guard case .quantization = task.kind else { return nil }
      guard let block = results.finishedBlock(task) else {
        throw QuantizationError(.incomplete, "\(results.folder.file(task)) is missing or damaged; run that task again")
      }
      return block
    }
    let record = QuantizationRecord(matrices: blocks.flatMap(\.reports))
    let tuned = try tunedFiles()
    let summary = tuned.isEmpty ? nil : TuningSummary(tuned, stepsTaken: executor.stepsTaken)
    var assembly = OutputAssembly(model: work.model, plan: plan, blocks: blocks, record: record, output: output)
    assembly.tuned = tuned.map(\.file)
    if let options = work.tuning?.options { assembly.tuning = summary?.record(options) }
    try assembly.write(progress) {
      if isCancelled() { throw interrupted }
    }
    return ModelQuantizer.Summary(
      record: record, resumedBlocks: resumedBlocks, notices: notices + record.matrices.flatMap(\.notices), plan: plan,
      tuning: summary)
  }

  /// What tuning made, in the order of the blocks.
  private func tunedFiles() throws -> [TuningFile] {
    try graph.tasks.compactMap { task in
      guard case .tuning = task.kind else { return nil }
      guard let file = TuningFile(path: results.folder.file(task)) else {
        throw QuantizationError(.incomplete, "\(results.folder.file(task)) is missing or damaged; run that task again")
      }
      return file
    }
  }

  var interrupted: QuantizationError {
    QuantizationError(
      .interrupted,
      "interrupted; finished blocks are in \(results.folder.path), the same command goes on from there")
  }
}
