import DataFiles
import JSONReader

/// Solved items that stand before the one that is asked, chosen as `lm-eval` chooses them.
struct TaskExamples {
  /// How the examples of an item are chosen.
  enum Choice: Sendable {
    /// The first ones of the same part.
    case first
    /// Others for each item, at random.
    case random
    /// The same of one more than are wanted, of which the row that is asked is left out: so where a task has no test split.
    case randomOthers
  }

  /// Where the examples of a task are, and how they are chosen.
  struct Source: Sendable {
    let data: PublishedData
    let choice: Choice
  }

  private let task: EvaluationTask
  private let choice: Choice
  private let count: Int
  private let folder: String
  /// By part, the solved items and the digests of their rows.
  private var items: [String: [(text: String, row: Int)]] = [:]
  private var random: [String: PythonRandom] = [:]

  /// `lm-eval`'s `fewshot_random_seed`, if nothing else is asked for.
  private static let seed: UInt32 = 1234

  /// Reads the examples of a task from a folder.
  ///
  /// - Throws: `EvaluationError`: `invalidOption` if the task has none, `missingFile`, `badData`.
  init(_ task: EvaluationTask, count: Int, folder: String) throws {
    guard let source = task.examples else {
      throw EvaluationError(.invalidOption, "\(task.name) has no examples for its prompts; leave out --shots for it")
    }
    guard let files = source.data.files(in: folder) else { throw source.data.missing(in: [folder]) }
    self.task = task
    self.count = count
    self.folder = folder
    choice = source.choice
    for file in files {
      try EvaluationError.reading {
        try file.forEach { document, place in
          let item = try task.item(TaskRow(json: document, place: place))
          items[item.part, default: []].append((item.solved, Self.digest(document)))
          return true
        }
      }
    }
  }

  /// What stands before the next item of a part, whose row is given.
  mutating func next(part: String, row: JSONValue) throws -> String {
    let solved = items[part] ?? []
    let needed = choice == .randomOthers ? count + 1 : count
    guard solved.count >= needed else {
      throw EvaluationError(
        .badData,
        "\(folder) has \(solved.count) examples of \(task.name)\(part.isEmpty ? "" : ", \(part)"); --shots \(count) needs \(needed)"
      )
    }
    if choice == .first { return solved[..<count].map(\.text).joined() }
    // Each part is a task of its own in lm-eval, with its own random numbers.
    var random = random[part] ?? PythonRandom(seed: Self.seed)
    defer { self.random[part] = random }
    var chosen = random.sample(needed, of: solved.count).map { solved[$0] }
    if choice == .randomOthers {
      let own = Self.digest(row)
      chosen.removeAll { $0.row == own }
      if chosen.count < count {
        let others = solved.filter { $0.row != own }
        guard others.count >= count else { throw EvaluationError(.badData, "\(folder): too few different examples") }
        chosen = random.sample(count, of: others.count).map { others[$0] }
      }
    }
    return chosen.prefix(count).map(\.text).joined()
  }

  private static func digest(_ row: JSONValue) -> Int { row.serialized().hashValue }
}

extension TaskItem {
  /// The item with its answer, as an example.
  fileprivate var solved: String {
    let request = requests[requests.count == 1 ? 0 : answer]
    return request.context + request.continuation + "\n\n"
  }

  /// The item after a preamble and examples.
  func after(_ examples: String) -> TaskItem {
    guard !preamble.isEmpty || !examples.isEmpty else { return self }
    let before = preamble + examples
    return TaskItem(
      requests: requests.map { Request(context: before + $0.context, continuation: $0.continuation) }, answer: answer,
      choiceLengths: choiceLengths, part: part)
  }
}
