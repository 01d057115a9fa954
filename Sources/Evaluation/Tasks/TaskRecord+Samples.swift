import Foundation

extension TaskRecord {
  /// The result of a task from its items; those of parts are counted by themselves too, in the order of their names.
  init(_ task: EvaluationTask, _ samples: [TaskSample]) {
    self.init(name: task.name, samples)
    if task.metric == .lastWord {
      let sum = samples.reduce(0.0) { $0 + ($1.logLikelihoods.first ?? 0) }
      perplexity = exp(-sum / Double(samples.count))
    }
    let groups = Dictionary(grouping: samples, by: \.part)
    guard Set(groups.keys) != [""] else { return }
    parts = groups.sorted { $0.key < $1.key }.map { TaskRecord(name: $0.key, $0.value) }
    standardError = Self.pooledError(parts)
  }

  private init(name: String, _ samples: [TaskSample]) {
    let accuracy = Self.mean(samples.map(\.isRight))
    let normalized = samples.compactMap(\.isRightNormalized)
    let normalizedMean = normalized.isEmpty ? nil : Self.mean(normalized)
    self.init(
      name: name, accuracy: accuracy, accuracyNormalized: normalizedMean,
      standardError: Self.error(accuracy, count: samples.count),
      standardErrorNormalized: normalizedMean.map { Self.error($0, count: samples.count) }, count: samples.count)
  }

  private static func mean(_ values: [Bool]) -> Double {
    Double(values.count { $0 }) / Double(max(1, values.count))
  }

  /// The sample standard deviation of zeros and ones over the root of their number; no number for a single one.
  private static func error(_ mean: Double, count: Int) -> Double {
    guard count > 1 else { return .nan }
    return (mean * (1 - mean) / Double(count - 1)).squareRoot()
  }

  /// The error of a mean over all items of some parts: variances pooled with weights `size − 1`.
  private static func pooledError(_ parts: [TaskRecord]) -> Double {
    let total = parts.reduce(0) { $0 + $1.count }
    guard total > parts.count else { return .nan }
    let variance = parts.reduce(0.0) {
      $0 + Double($1.count - 1) * $1.standardError * $1.standardError * Double($1.count)
    }
    return (variance / Double(total - parts.count) / Double(total)).squareRoot()
  }
}
