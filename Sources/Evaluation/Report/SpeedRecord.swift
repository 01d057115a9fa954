import JSONReader

/// Speeds of one model: the document of `vptq bench --json`, or one of another program in the same form.
package struct SpeedRecord: Sendable, Equatable {
  /// One measurement.
  package struct Row: Sendable, Equatable {
    /// `prompt` or `decode`.
    package var test: String
    /// Sequences together.
    package var batch: Int
    /// Tokens that each sequence held before.
    package var context: Int
    /// Tokens of each sequence.
    package var tokens: Int
    /// Tokens of all sequences per second.
    package var tokensPerSecond: Double
    /// Standard deviation over repetitions.
    package var deviation: Double

    /// Whether both tell of the same test.
    func measuresLike(_ other: Row) -> Bool {
      test == other.test && batch == other.batch && context == other.context && tokens == other.tokens
    }
  }

  /// What the user called the model.
  package var model: String
  /// Threads that were used; nil where it is not told.
  package var threads: Int?
  /// Bytes of the weight files.
  package var fileBytes: Int?
  /// Stored bits per weight of the matrices.
  package var bitsPerWeight: Double?
  /// Seconds to load.
  package var loadSeconds: Double?
  /// Seconds from the start of loading to the first token.
  package var firstTokenSeconds: Double?
  /// The most memory that was resident.
  package var peakMemoryBytes: Int?
  /// All measurements.
  package var rows: [Row]

  /// Takes over what another run with as many threads told; what is told twice counts as told last.
  mutating func take(_ other: SpeedRecord) {
    fileBytes = other.fileBytes ?? fileBytes
    bitsPerWeight = other.bitsPerWeight ?? bitsPerWeight
    loadSeconds = other.loadSeconds ?? loadSeconds
    firstTokenSeconds = other.firstTokenSeconds ?? firstTokenSeconds
    peakMemoryBytes = other.peakMemoryBytes ?? peakMemoryBytes
    rows.removeAll { row in other.rows.contains { $0.measuresLike(row) } }
    rows += other.rows
  }

  /// Whether a document is one of speeds.
  static func isSpeed(_ json: JSONValue) -> Bool { json["results"]?.arrayValue != nil }

  /// Reads a document.
  ///
  /// - Throws: `EvaluationError` (`badRecord`) naming what is missing.
  init(_ json: JSONValue) throws {
    guard let model = json["model"]?.stringValue else {
      throw EvaluationError(.badRecord, "\"model\" of a bench result is missing; measure again with this version")
    }
    self.model = model
    threads = json["threads"]?.intValue
    fileBytes = json["model_bytes"]?.intValue
    bitsPerWeight = json["bits_per_weight"]?.doubleValue
    loadSeconds = json["load_seconds"]?.doubleValue
    firstTokenSeconds = json["time_to_first_token_seconds"]?.doubleValue
    peakMemoryBytes = json["peak_memory_bytes"]?.intValue
    rows = try (json["results"]?.arrayValue ?? []).map { row in
      guard let test = row["test"]?.stringValue, let batch = row["batch"]?.intValue,
        let tokens = row["tokens"]?.intValue, let rate = row["mean_tokens_per_second"]?.doubleValue
      else {
        throw EvaluationError(
          .badRecord, "a row of \"results\" lacks \"test\", \"batch\", \"tokens\" or \"mean_tokens_per_second\"")
      }
      return Row(
        test: test, batch: batch, context: row["context"]?.intValue ?? 0, tokens: tokens, tokensPerSecond: rate,
        deviation: row["stddev"]?.doubleValue ?? .nan)
    }
  }
}
