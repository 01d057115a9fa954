/// New tokens of one sequence and the cache that holds what came before them.
public struct Segment: Sendable {
  /// Token ids, at least one.
  public let tokens: [Int]
  /// The sequence's cache; a forward pass extends it by `tokens`.
  public let cache: KeyValueCache

  /// New tokens of the sequence that `cache` belongs to.
  public init(tokens: [Int], cache: KeyValueCache) {
    self.tokens = tokens
    self.cache = cache
  }
}

/// Which rows of logits a forward pass returns.
public enum LogitsRequest: Sendable {
  /// One row per segment: its last token.
  case last
  /// One row per token.
  case all
  /// The last so many tokens of each segment, a number for each; 0 is none of it.
  case final([Int])
  /// None: the pass only fills the caches.
  case none
}

/// Rows of unnormalised log-probabilities.
public struct Logits: Sendable {
  /// Number of rows.
  public let rows: Int
  /// Width of a row.
  public let vocabularySize: Int
  /// `[rows, vocabularySize]`, row-major.
  public let values: [Float]

  /// Rows of logits, row-major.
  public init(rows: Int, vocabularySize: Int, values: [Float]) {
    precondition(values.count == rows * vocabularySize)
    self.rows = rows
    self.vocabularySize = vocabularySize
    self.values = values
  }

  /// One row.
  public func row(_ index: Int) -> ArraySlice<Float> {
    values[(index * vocabularySize)..<((index + 1) * vocabularySize)]
  }
}

/// A decoder model that extends sequences token by token; the seam for other devices.
public protocol CausalLanguageModel: Sendable {
  /// The dimensions and rules of the model.
  var configuration: ModelConfiguration { get }

  /// How the keys and values of its caches are kept.
  var cacheForm: CacheForm { get }

  /// How much of the weights stays in memory; nil where all do.
  var residency: WeightResidency? { get }

  /// An empty cache for one sequence of at most `capacity` positions.
  func makeCache(capacity: Int) -> KeyValueCache

  /// Runs new tokens of one or more sequences together and extends their caches.
  ///
  /// - Returns: the logits asked for, in the order of the segments and of their tokens.
  /// - Throws: `LanguageModelError` (`badInput`) for an id outside the vocabulary or a full cache; then no cache changes.
  func forward(_ segments: [Segment], logits: LogitsRequest, grouping: TokenGrouping) throws -> Logits
}

extension CausalLanguageModel {
  /// As computed.
  public var cacheForm: CacheForm { .float32 }
  /// All of them.
  public var residency: WeightResidency? { nil }

  /// Runs new tokens of one or more sequences in whichever way is fastest for so many.
  public func forward(_ segments: [Segment], logits: LogitsRequest) throws -> Logits {
    try forward(segments, logits: logits, grouping: .fastest)
  }
}
