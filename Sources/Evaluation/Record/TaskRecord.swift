import JSONReader

/// The result of one zero-shot task.
public struct TaskRecord: Sendable, Equatable {
  /// The task's name, for instance `arc_easy`.
  public var name: String
  /// Share of items whose right choice has the largest log-likelihood; for `lambada_openai`, of items whose last word is what the
  /// model says greedily.
  public var accuracy: Double
  /// The same with log-likelihoods divided by the characters of the choice, as its `acc_norm`; nil where `lm-eval` does not report it.
  public var accuracyNormalized: Double?
  /// Standard error of `accuracy`.
  public var standardError: Double
  /// Standard error of `accuracyNormalized`.
  public var standardErrorNormalized: Double?
  /// `exp(−mean log-likelihood)` of the last words; only of `lambada_openai`.
  public var perplexity: Double?
  /// Items.
  public var count: Int
  /// Solved examples before each item.
  public var shots = 0
  /// Subjects of `mmlu`; else empty.
  public var parts: [TaskRecord] = []

  /// A result.
  public init(
    name: String, accuracy: Double, accuracyNormalized: Double? = nil, standardError: Double,
    standardErrorNormalized: Double? = nil, perplexity: Double? = nil, count: Int, parts: [TaskRecord] = []
  ) {
    self.name = name
    self.accuracy = accuracy
    self.accuracyNormalized = accuracyNormalized
    self.standardError = standardError
    self.standardErrorNormalized = standardErrorNormalized
    self.perplexity = perplexity
    self.count = count
    self.parts = parts
  }
}

extension TaskRecord {
  /// The part of the document.
  var json: JSONValue {
    var fields = RecordFields()
    fields.add("accuracy", accuracy)
    fields.add("accuracy_normalized", accuracyNormalized)
    fields.add("stderr", standardError)
    fields.add("stderr_normalized", standardErrorNormalized)
    fields.add("perplexity", perplexity)
    fields.add("count", count)
    if shots > 0 { fields.add("shots", shots) }
    if !parts.isEmpty { fields.add("parts", .object(parts.map { ($0.name, $0.json) })) }
    return fields.object
  }

  init(name: String, _ reader: RecordReader) throws {
    self.init(
      name: name, accuracy: try reader.number("accuracy"),
      accuracyNormalized: reader.optionalNumber("accuracy_normalized"), standardError: try reader.number("stderr"),
      standardErrorNormalized: reader.optionalNumber("stderr_normalized"),
      perplexity: reader.optionalNumber("perplexity"), count: try reader.integer("count"),
      parts: try reader.part("parts")?.members.map { try TaskRecord(name: $0.key, $0.value) } ?? [])
    shots = reader.optionalInteger("shots") ?? 0
  }
}
