import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What tasks have left for others: files of the job folder, and, within one process, a residual stream and sums in memory.
final class TaskResults {
  /// What a task of statistics leaves in memory.
  struct Resident {
    var activations: ActivationBuffer?
    var moments: SecondMoments?
  }

  let work: JobWork
  let folder: JobFolder
  /// Of each block, a digest of the weights that its results depend on.
  let digests: [String]
  /// Bytes of a shard's residual stream that may stay in memory; nil: every result is a file, for other processes to read.
  let residentLimit: Int?
  /// The plan with its final shapes; nil as long as they have to be chosen.
  var plan: QuantizationPlan?
  /// Second moments that are read.
  let read: ReadStatistics?
  let recorder: SecondMomentRecorder?

  /// Of what decides how the model is tuned; another way of tuning voids its results and nothing else.
  private let tuningPrint: String
  private var resident: [Int: Resident] = [:]
  /// Tasks whose files have been looked into.
  private var checked: Set<Int> = []

  init(
    _ work: JobWork, folder: JobFolder, digests: [String], residentLimit: Int?, windows: CalibrationWindows?,
    read: ReadStatistics?, recorder: SecondMomentRecorder?
  ) {
    (self.work, self.folder, self.digests, self.residentLimit) = (work, folder, digests, residentLimit)
    (self.read, self.recorder) = (read, recorder)
    plan = work.budget == nil ? work.plan : nil
    tuningPrint = work.tuning?.fingerprint(calibration: work.textFingerprint(windows)) ?? ""
  }

  /// The digest of the weights that a task's result depends on.
  func weights(_ task: JobTask) -> String {
    switch task.kind {
    case .statistics(_, let block, _), .secondMoments(let block), .quantization(let block, _), .advance(let block, _):
      digests[block]
    case .calibration, .gradients, .sensitivity, .allocation: digests.last ?? ""
    case .original, .tuning, .tuned: "\(digests.last ?? "") \(tuningPrint)"
    }
  }

  /// Metadata of a task's file.
  func metadata(_ task: JobTask) -> [String: String] { ["weights": weights(task)] }

  /// Whether the result of a task is there. `names` are those of the files in the job folder, if they have been listed.
  func isDone(_ task: JobTask, names: Set<String>? = nil) -> Bool {
    if resident[task.index] != nil { return true }
    if case .secondMoments(let block) = task.kind { return recorder?.isPending(block) == false }
    guard names?.contains(task.file) ?? FileManager.default.fileExists(atPath: folder.file(task)) else { return false }
    if checked.contains(task.index) { return true }
    guard isSound(task) else { return false }
    checked.insert(task.index)
    return true
  }

  private func isSound(_ task: JobTask) -> Bool {
    switch task.kind {
    case .quantization: return finishedBlock(task) != nil
    case .sensitivity, .allocation: return sensitivity(task) != nil
    case .tuning: return TuningFile(path: folder.file(task))?.file.metadata["weights"] == weights(task)
    default:
      return (try? SafetensorsFile(path: folder.file(task)))?.metadata["weights"] == weights(task)
    }
  }

  /// A finished part of a block, if it is there, whole, of the planned matrices and made from the weights of the model.
  func finishedBlock(_ task: JobTask) -> FinishedBlock? {
    guard case .quantization(let block, let part) = task.kind, let plan else { return nil }
    let matrices = plan.matrices(ofBlock: block, in: work, part: part)
    guard let file = try? SafetensorsFile(path: folder.file(task)), file.metadata["weights"] == weights(task),
      let text = file.metadata["report"], let list = try? JSONValue.parse([UInt8](text.utf8)).arrayValue
    else { return nil }
    let reports = list.compactMap(MatrixReport.init)
    guard reports.map(\.name) == matrices.map(\.module), reports.map(\.preset) == matrices.map(\.recipe.name) else {
      return nil
    }
    return FinishedBlock(file: file, reports: reports)
  }

  /// What a task of the analysis found, if it has.
  func sensitivity(_ task: JobTask) -> ModelSensitivity? {
    SensitivityFile(path: folder.file(task), fingerprint: weights(task)).read()
  }

  /// Whether a result is held in memory.
  func isResident(_ index: Int) -> Bool { resident[index] != nil }

  func keep(_ result: Resident, of index: Int) { resident[index] = result }

  /// The residual stream that a task has left.
  func activations(of task: JobTask) throws -> any Activations {
    if let buffer = resident[task.index]?.activations { return buffer }
    return try file(task)
  }

  /// Lets go of a residual stream in memory that is about to be overwritten.
  func forgetActivations(of task: JobTask) { resident[task.index]?.activations = nil }

  /// The running sums that a task has left, for the next shard to go on with; those in memory are given up.
  func takeMoments(of task: JobTask) throws -> SecondMoments {
    if let moments = resident[task.index]?.moments {
      resident[task.index]?.moments = nil
      return moments
    }
    return try file(task).moments()
  }

  /// The second moments of a block.
  func moments(of task: JobTask) throws -> any SecondMomentSource {
    if let moments = resident[task.index]?.moments { return moments }
    return try file(task)
  }

  private func file(_ task: JobTask) throws -> StatisticsFile {
    let widths: [LinearInput: Int] =
      if case .statistics(let text, let block, _) = task.kind { work.widths(text, block: block) } else { [:] }
    return try StatisticsFile(path: folder.file(task), widths: widths)
  }

  /// Lets go of a result that nobody will read any more; only what can grow large is removed.
  func release(_ task: JobTask) {
    resident[task.index] = nil
    switch task.kind {
    case .statistics, .advance, .original, .tuned:
      unlink(folder.file(task))
      checked.remove(task.index)
    default: break
    }
  }
}

extension QuantizationPlan {
  /// The matrices of a part of a block.
  func matrices(ofBlock block: Int, in work: JobWork, part: Int) -> [MatrixPlan] {
    let all = matrices.filter { $0.block == block }
    return Array(all[work.parts(ofBlock: block)[part]])
  }
}
