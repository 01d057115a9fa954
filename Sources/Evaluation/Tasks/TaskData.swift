import Foundation
import JSONReader

/// The file of a task.
struct TaskData {
  let path: String
  let items: [TaskItem]

  /// Reads a task's file from a folder: lines of JSON with the fields of the data set as it was published.
  ///
  /// - Throws: `EvaluationError`: `missingFile` says which names were looked for, `badData` names file and row.
  init(_ task: EvaluationTask, folder: String, limit: Int?) throws {
    let names = task.fileNames.flatMap { name in ["jsonl", "json"].map { "\(name).\($0)" } }
    let candidates = names.flatMap { ["\(folder)/\($0)", "\(folder)/\(task.name)/\($0)"] }
    guard let path = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
      if let packed = candidates.first(where: { FileManager.default.fileExists(atPath: $0 + ".zst") }) {
        throw EvaluationError(.missingFile, "\(packed).zst is packed; unpack it first: zstd -d \(packed).zst")
      }
      throw EvaluationError(
        .missingFile, "\(folder) has no data of \(task.name); looked for \(names.joined(separator: ", "))")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw EvaluationError(.missingFile, "cannot read \(path)")
    }
    self.path = path
    // Parts are limited one by one, as lm-eval limits its tasks.
    var counts: [String: Int] = [:]
    var items: [TaskItem] = []
    let limitsParts = task.name == EvaluationTask.mmlu.name
    for (number, document) in try JSONLines(data, path: path).documents(limit: limitsParts ? .max : limit ?? .max)
      .enumerated()
    {
      let item = try task.item(TaskRow(json: document, place: "\(path), row \(number + 1)"))
      if counts[item.part, default: 0] >= limit ?? .max { continue }
      counts[item.part, default: 0] += 1
      items.append(item)
    }
    guard !items.isEmpty else { throw EvaluationError(.badData, "\(path) has no rows") }
    self.items = items
  }
}
