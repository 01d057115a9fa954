import Evaluation

/// The results of `vptq evaluate` as text.
enum EvaluationSummary {
  static func lines(_ record: EvaluationRecord) -> [String] {
    (record.perplexity.map(lines) ?? []) + (record.divergence.map(lines) ?? [])
      + (record.tasks.isEmpty ? [] : lines(record.tasks))
  }

  private static func lines(_ result: PerplexityRecord) -> [String] {
    let overlap = result.stride < result.context ? "stride \(result.stride)" : "no overlap"
    var lines = [
      "perplexity \(Console.fixed(result.value, 4)) over \(result.tokens) tokens: \(result.windows) windows of "
        + "\(result.context), \(overlap), \(result.bos ? "begin token before each" : "no begin token"), "
        + "\(result.droppedTokens) tokens left out"
    ]
    if result.textWords > 0 {
      lines.append(
        "  \(Console.fixed(result.tokensPerWord, 4)) tokens per word: word perplexity "
          + "\(Console.fixed(result.wordPerplexity, 3)), \(Console.fixed(result.bitsPerByte, 4)) bits per byte")
    }
    return lines
  }

  private static func lines(_ result: DivergenceRecord) -> [String] {
    let quantiles = result.quantiles.filter { $0.share >= 0.9 }.map { "\($0.name) \(Console.fixed($0.value, 4))" }
    return [
      "divergence from \(result.reference): mean \(Console.fixed(result.mean, 5)) ± "
        + "\(Console.fixed(result.meanStandardError, 5)) nats, median \(Console.fixed(result.median, 5)), "
        + quantiles.joined(separator: ", ") + ", largest \(Console.fixed(result.max, 3))",
      "  same most likely token: \(Console.fixed(100 * result.topAgreement, 2)) % of \(result.tokens); "
        + "perplexity of the reference \(Console.fixed(result.referencePerplexity, 4))",
    ]
  }

  private static func lines(_ tasks: [TaskRecord]) -> [String] {
    func share(_ value: Double?, _ error: Double?) -> String {
      guard let value else { return "" }
      let deviation = error.map { $0.isFinite ? " ± \(Console.fixed(100 * $0, 2))" : "" } ?? ""
      return Console.fixed(100 * value, 2) + deviation
    }
    var rows = [["task", "accuracy %", "normalized %", "items"]]
    for task in tasks {
      rows.append([
        task.shots == 0 ? task.name : "\(task.name), \(task.shots)-shot", share(task.accuracy, task.standardError),
        share(task.accuracyNormalized, task.standardErrorNormalized), String(task.count),
      ])
    }
    return Console.table(rows)
      + tasks.compactMap { task in task.perplexity.map { "\(task.name): perplexity \(Console.fixed($0, 4))" } }
  }
}
