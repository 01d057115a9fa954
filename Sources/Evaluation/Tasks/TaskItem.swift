/// One item of a task, as prompts.
struct TaskItem: Sendable, Equatable {
  /// A text whose likelihood after another is asked for.
  struct Request: Sendable, Equatable {
    let context: String
    let continuation: String
  }

  /// One for each choice, or a single one.
  let requests: [Request]
  /// The right choice.
  let answer: Int
  /// Characters of each choice as `lm-eval` counts them for its normalised accuracy: Unicode scalars of the text without the
  /// space before it.
  let choiceLengths: [Int]
  /// What the item belongs to, for instance a subject; empty where a task has no parts.
  var part = ""
  /// What stands once before everything, examples included.
  var preamble = ""

  /// Choices after one context, each with a space before it.
  static func choices(_ context: String, _ choices: [String], answer: Int, part: String = "", preamble: String = "")
    -> TaskItem
  {
    TaskItem(
      requests: choices.map { Request(context: context, continuation: " " + $0) }, answer: answer,
      choiceLengths: choices.map { $0.unicodeScalars.count }, part: part, preamble: preamble)
  }
}

/// How the items of a task are scored.
enum TaskMetric: Sendable {
  /// The choice with the largest log-likelihood; also per character.
  case choicesNormalized
  /// The choice with the largest log-likelihood.
  case choices
  /// Whether the continuation is what the model says greedily, and its perplexity.
  case lastWord
}

/// A zero-shot task as `lm-eval` (0.4) defines it.
struct EvaluationTask: Sendable {
  /// Where its rows are.
  let data: PublishedData
  let metric: TaskMetric
  /// Where solved items for its prompts are; nil if it has none.
  var examples: TaskExamples.Source?
  /// The item of a row; errors say what the row lacks.
  let item: @Sendable (TaskRow) throws -> TaskItem

  /// Its name in `lm-eval`.
  var name: String { data.name }

  /// All tasks, in the order of help texts.
  static let all: [EvaluationTask] = [
    arcEasy, arcChallenge, hellaSwag, piqa, winoGrande, lambada, boolQ, mmlu,
  ]

  /// The tasks of names; `lambada` is short for `lambada_openai`.
  ///
  /// - Throws: `EvaluationError` (`invalidOption`) naming what is unknown.
  static func named(_ names: [String]) throws -> [EvaluationTask] {
    try names.map { name in
      guard let task = all.first(where: { $0.name == (name == "lambada" ? "lambada_openai" : name) }) else {
        throw EvaluationError(
          .invalidOption, "there is no task \"\(name)\"; known are \(all.map(\.name).joined(separator: ", "))")
      }
      return task
    }
  }
}
