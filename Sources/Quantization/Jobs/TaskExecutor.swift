import CKernels
import Checkpoints
import LanguageModels
import Tensors

/// Does the tasks of a quantization, one at a time, in this process.
final class TaskExecutor {
  let work: JobWork
  let results: TaskResults
  let graph: TaskGraph
  /// Asks the model for calibration text, where a task does.
  var writesText: (() throws -> CalibrationWindows)?

  private var text: CalibrationWindows?
  /// Steps of tuning that were taken in this process.
  var stepsTaken = 0
  /// Whether windows of gradients go block by block; nil: where the model takes more than half of the memory there is.
  var groupsWindows: Bool?
  /// Kept from one task of gradients to the next.
  var fisher: FisherPass?
  private var runner: BlockRunner?
  /// How much tokens count, of the block that was asked last.
  var weighed: (block: Int, weights: [LinearInput: [Float]])?

  /// Tells the share (0...1) of a task that is done and what is worked on; throws to stop it.
  typealias Report = (_ share: Double, _ detail: String) throws -> Void

  init(_ work: JobWork, graph: TaskGraph, results: TaskResults, text: CalibrationWindows?) {
    (self.work, self.graph, self.results, self.text) = (work, graph, results, text)
  }

  /// Does one task whose inputs are there.
  ///
  /// - Parameter measures: whether anything will read the second moments, where the result stays in memory.
  /// - Throws: `QuantizationError` that names layer or file, or whatever reading and writing throw.
  func execute(_ task: JobTask, measures: Bool = true, report: Report) throws {
    if case .gradients = task.kind {} else { fisher = nil }
    switch task.kind {
    case .calibration: try writeText(task)
    case .gradients(let text, let chunk): try gradients(task, text, chunk, report)
    case .statistics(let text, let block, let shard):
      try statistics(task, text, block: block, shard: shard, measures: measures, report)
    case .sensitivity(let block): try sensitivity(task, block: block, report)
    case .allocation: try gatherSensitivity(task)
    case .secondMoments(let block):
      try report(0, "keeping second moments")
      try results.recorder?.write(moments(ofBlock: block), block: block, windows: windows())
    case .quantization(let block, let part): try quantization(task, block: block, part: part, report)
    case .advance(let block, let shard): try advance(task, block: block, shard: shard, report)
    case .original(let block): try original(task, block: block, report)
    case .tuning(let block): try tuning(task, block: block, report)
    case .tuned(let block): try tuned(task, block: block, report)
    }
    work.model.releasePages()
    // What the allocator keeps of freed matrices would add up from task to task.
    ck_release_free_memory()
  }

  /// The calibration text; of a job that the model wrote it for, the result of that task.
  func windows() throws -> CalibrationWindows {
    if let text { return text }
    guard let task = graph[.calibration] else {
      throw QuantizationError(.badCalibration, "there is no calibration text")
    }
    let windows = try CalibrationFile.read(results.folder.file(task))
    text = windows
    return windows
  }

  private func writeText(_ task: JobTask) throws {
    guard let writesText else {
      throw QuantizationError(.badCalibration, "the calibration text of \(results.folder.path) is yet to be written")
    }
    try CalibrationFile.write(try writesText(), to: results.folder.file(task), metadata: results.metadata(task))
  }

  func blockRunner() throws -> BlockRunner {
    if let runner { return runner }
    let runner = try BlockRunner(work.model, length: work.text.length)
    self.runner = runner
    return runner
  }

  /// Of a block, all of whose shards have been measured, or whose second moments are read.
  func moments(ofBlock block: Int, text: JobTask.Text = .main) throws -> any SecondMomentSource {
    if let read = results.read { return try read.moments(ofBlock: block) }
    let last = work.shardRanges(text).count - 1
    guard let task = graph[.statistics(text, block: block, shard: last)] else {
      throw QuantizationError(.badStatistics, "there are no second moments of block \(block)")
    }
    return try results.moments(of: task)
  }
}
