import Checkpoints
import Foundation
import JSONReader
import LanguageModels
public import Tensors

/// A quantization whose tasks lie in a folder, for any number of processes on any number of machines that see it.
///
/// ```swift
/// let job = try QuantizationJob.plan(at: "model.job", arguments: arguments, windows: windows)
/// try JobWorker(job).runAll()          // here and elsewhere
/// let summary = try job.merge()
/// ```
///
/// `job.json` says what was asked for; every other file is the result of one task. Processes share nothing but the folder: who
/// works on what is a file in `claims`, what went wrong one in `failures`, what was done when one in `logs`.
public struct QuantizationJob {
  /// The job folder.
  public let path: String
  /// What was asked for.
  public let arguments: JobArguments
  let opened: OpenedJob

  /// Plans a job: writes its folder and whatever of the calibration text is there. Planned again with the same arguments, it
  /// keeps its results.
  ///
  /// - Parameters:
  ///   - windows: the calibration text, unless the model is asked for it or second moments are read.
  ///   - tuningText: what is tuned on; nil for the calibration text.
  /// - Throws: `QuantizationError`: `jobMismatch` if the folder holds results of other work, `invalidRecipe`, `missingInput`,
  ///   `badStatistics`, `cannotWrite`; or what opening the model throws.
  public static func plan(
    at path: String, arguments: JobArguments, windows: CalibrationWindows?, tuningText: TuningText? = nil
  ) throws -> QuantizationJob {
    let work = try work(arguments, tuningText)
    let digests = try WeightDigests(work.model, blocks: work.blockCount).digests
    let opened = try OpenedJob(
      work, windows: windows, path: path, residentLimit: nil, arguments: arguments.json, digests: digests)
    let folder = opened.results.folder
    for name in JobFolder.subfolders {
      do {
        try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: true)
      } catch {
        throw QuantizationError(.cannotWrite, "cannot make \(path)/\(name): \(error.localizedDescription)")
      }
    }
    if let windows {
      try CalibrationFile.write(windows, to: path + "/" + Self.textFile, metadata: ["weights": digests.last ?? ""])
    }
    if let tuningText { try TuningTextFile.write(tuningText, to: path + "/" + Self.tuningTextFile) }
    try folder.write(
      .object([("digests", .array(digests.map(JSONValue.string)))]), to: path + "/" + JobFolder.digestFile)
    return QuantizationJob(path: path, arguments: arguments, opened: opened)
  }

  /// Opens a planned job.
  ///
  /// - Throws: `QuantizationError`: `missingInput` if there is none, `jobMismatch` if its model has been exchanged; or what opening
  ///   the model throws.
  public init(path: String) throws {
    guard let json = JobFolder.arguments(path) else {
      throw QuantizationError(
        .missingInput, "\(path) is no planned job (it has no job.json with arguments); plan one with vptq job plan")
    }
    guard let arguments = JobArguments(json),
      let digests = try? JSONFile.read(path + "/" + JobFolder.digestFile)["digests"]?.arrayValue?.compactMap(
        \.stringValue)
    else {
      throw QuantizationError(
        .jobMismatch, "\(path)/job.json or \(JobFolder.digestFile) is not what this version writes; plan the job again")
    }
    let tuningText = path + "/" + Self.tuningTextFile
    let work = try Self.work(
      arguments,
      arguments.tuning != nil && FileManager.default.fileExists(atPath: tuningText)
        ? TuningTextFile.read(tuningText) : nil)
    guard digests.count == work.blockCount else {
      throw QuantizationError(.jobMismatch, "\(path)/\(JobFolder.digestFile) is of another model; plan the job again")
    }
    let textFile = path + "/" + Self.textFile
    let windows =
      !arguments.writesText && arguments.text.windows > 0 ? try CalibrationFile.read(textFile) : nil
    let opened = try OpenedJob(
      work, windows: windows, path: path, residentLimit: nil, arguments: json, digests: digests)
    self.init(path: path, arguments: arguments, opened: opened)
  }

  private init(path: String, arguments: JobArguments, opened: OpenedJob) {
    (self.path, self.arguments, self.opened) = (path, arguments, opened)
  }

  private static let textFile = "calibration.safetensors"
  private static let tuningTextFile = "tuning-text.safetensors"

  /// The folder of second moments whose statistics the job reads or keeps, and so on, as work.
  private static func work(_ arguments: JobArguments, _ tuningText: TuningText?) throws -> JobWork {
    let model = try ModelDirectory(path: arguments.model)
    let plan = try QuantizationPlan(
      configuration: ModelConfiguration(model), recipe: arguments.recipe, overrides: arguments.overrides,
      skip: arguments.skip)
    let source: JobWork.Source =
      switch arguments.moments {
      case .measured: .measured(savedTo: nil)
      case .saved(let folder): .measured(savedTo: SecondMomentFolder(path: folder))
      case .sequential: .sequential
      case .read(let folder): .read(SecondMomentFolder(path: folder))
      }
    var work = try JobWork(
      model: model, plan: plan, budget: arguments.budget, source: source, text: arguments.text,
      guidance: arguments.guidance, seed: arguments.seed, division: arguments.division)
    work.writesText = arguments.writesText
    if let options = arguments.tuning { try work.tune(JobTuning(options: options, text: tuningText)) }
    return work
  }

  /// All tasks, in an order in which one process can do them.
  public var graph: TaskGraph { opened.graph }

  /// Which matrices are quantized; their shapes are final once a budget has been allocated.
  public var plan: QuantizationPlan { opened.results.plan ?? opened.work.plan }

  /// Puts the finished blocks together as the output folder.
  ///
  /// - Throws: `QuantizationError`: `incomplete` names what is missing, `jobMismatch` a block whose weights have changed since the
  ///   job was planned, `badStatistics` a result whose content is damaged; or whatever reading and writing throw.
  public func merge(
    progress: any ProgressListener = SilentProgress(), isCancelled: () -> Bool = { false }
  ) throws -> ModelQuantizer.Summary {
    let names = Set(opened.results.folder.names)
    if let allocation = graph[.allocation], !opened.results.isDone(allocation, names: names) {
      throw QuantizationError(.incomplete, "\(path) is not finished: \(allocation.name) is missing")
    }
    _ = try opened.executor.allocate()
    let missing = graph.results.filter { !opened.results.isDone($0, names: names) }
    guard missing.isEmpty else {
      let shown = missing.prefix(4).map(\.name).joined(separator: ", ")
      throw QuantizationError(
        .incomplete,
        "\(path) is not finished: \(missing.count) of \(graph.results.count) results are missing (\(shown)\(missing.count > 4 ? ", …" : "")); run its tasks first"
      )
    }
    try verify(progress, isCancelled)
    let windows = opened.work.measures ? try opened.executor.windows().notices : []
    return try opened.assemble(
      output: arguments.output, notices: windows + (opened.weighingNotice.map { [$0] } ?? []), resumedBlocks: 0,
      progress: progress, isCancelled: isCancelled)
  }

  /// Compares the model with what was planned, and every result with the digest it was written with.
  private func verify(_ progress: any ProgressListener, _ isCancelled: () -> Bool) throws {
    let digests = try WeightDigests(opened.work.model, blocks: opened.work.blockCount).digests
    if let block = zip(digests, opened.results.digests).enumerated().first(where: { $0.element.0 != $0.element.1 })?
      .offset
    {
      throw QuantizationError(
        .jobMismatch,
        "the weights of \(arguments.model) have changed since the job was planned, from block \(block) on; plan it again"
      )
    }
    let tasks = graph.tasks.filter { if case .quantization = $0.kind { true } else { false } }
    for task in graph.tasks {
      guard case .tuning = task.kind, let tuned = TuningFile(path: opened.results.folder.file(task)) else { continue }
      try check(task, tuned.file)
    }
    for (number, task) in tasks.enumerated() {
      if isCancelled() { throw opened.interrupted }
      progress.report("verifying", completed: number, total: tasks.count, unit: .items("results"))
      guard let block = opened.results.finishedBlock(task) else { continue }
      try check(task, block.file)
    }
  }

  private func check(_ task: JobTask, _ file: SafetensorsFile) throws {
    let tensors = try file.tensorNames.map { ($0, try file.tensor(named: $0)) }
    guard file.metadata["content"] == Fingerprint.content(tensors) else {
      throw QuantizationError(
        .badStatistics,
        "\(opened.results.folder.file(task)) does not have the content it was written with; remove it and run task \(task.index) again"
      )
    }
    file.releasePages()
  }

  /// Removes the job folder.
  public func remove() { opened.results.folder.remove() }
}
