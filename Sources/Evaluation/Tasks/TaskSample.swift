public import JSONReader

/// What was measured of one item of a task.
public struct TaskSample: Sendable, Equatable {
  /// The task.
  public let task: String
  /// The subject of `mmlu`; else empty.
  public let part: String
  /// The item's place in its file, or in its part; from 0.
  public let index: Int
  /// The right choice.
  public let answer: Int
  /// `log p` of each choice, natural logarithm; of the last word for `lambada_openai`.
  public let logLikelihoods: [Double]
  /// Whether each token of a choice is the most likely one.
  public let isGreedy: [Bool]
  /// Whether the item counts for the accuracy.
  public let isRight: Bool
  /// Whether it counts for the normalised accuracy; nil where there is none.
  public let isRightNormalized: Bool?

  init(_ item: TaskItem, of task: EvaluationTask, index: Int, scores: [ContinuationScore]) {
    self.task = task.name
    self.index = index
    part = item.part
    answer = item.answer
    logLikelihoods = scores.map(\.logLikelihood)
    isGreedy = scores.map(\.isGreedy)
    // Of equal ones the first counts, as with numpy.
    func best(_ values: [Double]) -> Int { values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 } }
    switch task.metric {
    case .lastWord: (isRight, isRightNormalized) = (scores.first?.isGreedy == true, nil)
    case .choices: (isRight, isRightNormalized) = (best(logLikelihoods) == item.answer, nil)
    case .choicesNormalized:
      isRight = best(logLikelihoods) == item.answer
      let normalized = zip(logLikelihoods, item.choiceLengths).map { $0 / Double($1) }
      isRightNormalized = best(normalized) == item.answer
    }
  }

  /// A line of `--samples-out`.
  public var json: JSONValue {
    var fields = RecordFields()
    fields.add("task", part.isEmpty ? task : "\(task)_\(part)")
    fields.add("doc_id", index)
    fields.add("target", answer)
    fields.add(
      "resps",
      .array(
        zip(logLikelihoods, isGreedy).map {
          .object([("log_likelihood", .number($0)), ("is_greedy", .bool($1))])
        }))
    fields.add("acc", isRight ? 1.0 : 0.0)
    fields.add("acc_norm", isRightNormalized.map { $0 ? 1.0 : 0.0 })
    return fields.object
  }
}
