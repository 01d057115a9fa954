import Foundation
import JSONReader
public import LanguageModels
public import Tensors
public import Tokenizers

/// Tasks, with solved examples in prompts or without, scored as `lm-eval` scores them.
public struct TaskEvaluation: Sendable {
  /// The names of all tasks.
  public static var names: [String] { EvaluationTask.all.map(\.name) }

  /// Whether a task has this name.
  public static func isKnown(_ name: String) -> Bool { (try? EvaluationTask.named([name])) != nil }

  private let shots: Int
  private let tasks: [(task: EvaluationTask, items: [TaskItem])]

  /// Tokens in one forward pass.
  public var tokensPerPass = 512

  /// Reads the data of tasks from a folder.
  ///
  /// - Parameters:
  ///   - names: see `names`.
  ///   - folder: holds files of rows as the data sets are published; see Documentation/Evaluation.md.
  ///   - limit: the first so many items of each task, or of each subject of `mmlu`; nil for all.
  ///   - shots: solved examples before each item, chosen as `lm-eval` chooses them.
  /// - Throws: `EvaluationError`: `invalidOption` for an unknown task, `missingFile`, `badData` naming file and row.
  public init(_ names: [String], folder: String, limit: Int? = nil, shots: Int = 0) throws {
    try self.init(names, limit: limit, shots: shots) { _ in folder }
  }

  /// Reads the data of tasks, of each from the folder that `folder` names.
  ///
  /// - Throws: as above, and what `folder` throws.
  public init(
    _ names: [String], limit: Int? = nil, shots: Int = 0, folder: (PublishedData) throws -> String
  ) throws {
    guard limit ?? 1 >= 1 else { throw EvaluationError(.invalidOption, "the limit of items must be at least 1") }
    guard shots >= 0 else { throw EvaluationError(.invalidOption, "examples cannot be fewer than 0") }
    self.shots = shots
    tasks = try EvaluationTask.named(names).map { task in
      let examples =
        shots == 0
        ? nil : try TaskExamples(task, count: shots, folder: task.examples.map { try folder($0.data) } ?? "")
      return (task, try TaskData(task, folder: folder(task.data), limit: limit, examples: examples).items)
    }
  }

  /// Where the rows of tasks are published, and of the examples for their prompts.
  ///
  /// - Throws: `EvaluationError` (`invalidOption`) for an unknown task.
  public static func published(_ names: [String], shots: Int = 0) throws -> [PublishedData] {
    try EvaluationTask.named(names).flatMap { task in
      [task.data] + (shots > 0 ? [task.examples?.data].compactMap(\.self) : [])
    }
  }

  /// Scores all items.
  ///
  /// - Parameters:
  ///   - modelFingerprint: a digest of the model for the checkpoint; see `ModelFingerprint`.
  ///   - checkpoint: takes up finished items of an interrupted run and keeps those of this one.
  /// - Returns: the results of the tasks, and every item, both in order.
  /// - Throws: `EvaluationError`, `TokenizerError`, what the model's forward pass throws, or `CancellationError`.
  public func measure(
    _ model: any CausalLanguageModel, tokenizer: Tokenizer, modelFingerprint: String = "",
    checkpoint: EvaluationCheckpoint? = nil, progress: any ProgressListener = SilentProgress(),
    isCancelled: () -> Bool = { false }
  ) throws -> (records: [TaskRecord], samples: [TaskSample]) {
    var records: [TaskRecord] = []
    var samples: [TaskSample] = []
    let tokens = TaskTokens(tokenizer, maximumLength: model.configuration.maximumPositions)
    for (task, items) in tasks {
      let run = TaskRun(
        task: task, items: items, requests: try items.map { try $0.requests.map(tokens.request) }, model: model,
        tokensPerPass: tokensPerPass)
      let scores = try run.scores(modelFingerprint, checkpoint, progress, isCancelled)
      var counts: [String: Int] = [:]
      let new = zip(items, scores).map { item, scores in
        let index = counts[item.part, default: 0]
        counts[item.part] = index + 1
        return TaskSample(item, of: task, index: index, scores: scores)
      }
      var record = TaskRecord(task, new)
      record.shots = shots
      records.append(record)
      samples += new
    }
    return (records, samples)
  }

  /// Writes samples as lines of JSON under a temporary name, then renames.
  ///
  /// - Throws: `EvaluationError` (`cannotWrite`) naming the file.
  public static func write(_ samples: [TaskSample], to path: String) throws {
    try AtomicFile.write(samples.flatMap { [UInt8](($0.json.serialized() + "\n").utf8) }, to: path)
  }
}
