import DataFiles
import JSONReader

/// The items of a task from its files.
struct TaskData {
  let items: [TaskItem]

  /// Reads a task's files from a folder, with the fields of the data set as it was published.
  ///
  /// - Parameter examples: what stands before each item.
  /// - Throws: `EvaluationError`: `missingFile` says which names were looked for, `badData` names file and row.
  init(_ task: EvaluationTask, folder: String, limit: Int?, examples: TaskExamples? = nil) throws {
    var examples = examples
    guard let files = task.data.files(in: folder) else { throw task.data.missing(in: [folder]) }
    // Parts are limited one by one, as lm-eval limits its tasks.
    let limitsParts = task.name == EvaluationTask.mmlu.name
    var counts: [String: Int] = [:]
    var items: [TaskItem] = []
    for file in files where limitsParts || items.count < limit ?? .max {
      try EvaluationError.reading {
        try file.forEach { document, place in
          let item = try task.item(TaskRow(json: document, place: place))
          if counts[item.part, default: 0] >= limit ?? .max { return true }
          counts[item.part, default: 0] += 1
          items.append(item.after(try examples?.next(part: item.part, row: document) ?? ""))
          return limitsParts || items.count < limit ?? .max
        }
      }
    }
    guard !items.isEmpty else {
      throw EvaluationError(.badData, "\(files.map(\.path).joined(separator: ", ")) has no rows")
    }
    self.items = items
  }
}
