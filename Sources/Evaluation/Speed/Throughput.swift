import Foundation
public import LanguageModels
public import Tensors

/// Speed of prompts and of decoding, for numbers of sequences and depths of context.
public struct Throughput: Sendable {
  /// One measured figure.
  public struct Result: Sendable {
    /// `prompt` or `decode`.
    public let test: String
    /// Sequences that ran together.
    public let batch: Int
    /// Tokens that each sequence already held before the measurement.
    public let context: Int
    /// Tokens of each sequence that were measured.
    public let tokens: Int
    /// Tokens of all sequences per second, over the repetitions that count, which come after one that does not.
    public let tokensPerSecond: Measured
  }

  /// Tokens of the prompt; 0 leaves the test out.
  public var promptTokens: Int
  /// Tokens decoded; 0 leaves the test out.
  public var generatedTokens: Int
  /// Numbers of sequences to run together.
  public var batches: [Int]
  /// Tokens that every sequence holds before a measurement; they are not measured.
  public var contexts: [Int]
  /// Repetitions that count.
  public var repetitions: Int

  /// A measurement.
  public init(
    promptTokens: Int = 512, generatedTokens: Int = 128, batches: [Int] = [1], contexts: [Int] = [0],
    repetitions: Int = 5
  ) {
    self.promptTokens = promptTokens
    self.generatedTokens = generatedTokens
    self.batches = batches
    self.contexts = contexts
    self.repetitions = repetitions
  }

  /// The most tokens that a sequence holds in any of the tests.
  public var longestSequence: Int { (contexts.max() ?? 0) + max(promptTokens, generatedTokens) }

  /// Runs all tests, every batch at every depth of context; token ids are arbitrary but fixed.
  ///
  /// - Throws: `EvaluationError` (`invalidOption`) where the model has fewer positions or the machine less memory than
  ///   the tests take, what the model's forward pass throws, or `CancellationError`.
  public func measure(
    _ model: any CausalLanguageModel, progress: any ProgressListener = SilentProgress(),
    isCancelled: () -> Bool = { false }
  ) throws -> [Result] {
    try check(model)
    var results: [Result] = []
    for batch in batches {
      for context in contexts {
        let sequences = try Sequences(
          model, batch: batch, context: context, newTokens: max(promptTokens, generatedTokens), progress: progress,
          isCancelled: isCancelled)
        for (test, tokens) in [("prompt", promptTokens), ("decode", generatedTokens)] where tokens > 0 {
          let label = "\(test), batch \(batch)" + (contexts == [0] ? "" : ", context \(context)")
          let rates = try repeated(label, progress, isCancelled) {
            let seconds = try test == "prompt" ? sequences.prompt(tokens) : sequences.decode(tokens, isCancelled)
            return Double(batch * tokens) / max(seconds, 1e-9)
          }
          results.append(
            Result(test: test, batch: batch, context: context, tokens: tokens, tokensPerSecond: Measured(rates)))
        }
      }
    }
    return results
  }

  private func check(_ model: any CausalLanguageModel) throws {
    let positions = model.configuration.maximumPositions
    guard longestSequence <= positions else {
      throw EvaluationError(
        .invalidOption,
        "sequences of \(longestSequence) tokens (context and new ones) exceed the model's \(positions) positions")
    }
    let bytes =
      Double(KeyValueCache.bytesPerPosition(model.configuration.blocks, form: model.cacheForm))
      * Double((batches.max() ?? 1) * longestSequence)
    guard bytes < Double(ProcessInfo.processInfo.physicalMemory) else {
      throw EvaluationError(
        .invalidOption,
        "\(batches.max() ?? 1) sequences of \(longestSequence) tokens take \(Int(bytes / 1e9)) GB of keys and values, "
          + "more than this machine's memory; take fewer or shorter ones")
    }
  }

  private func repeated(
    _ label: String, _ progress: any ProgressListener, _ isCancelled: () -> Bool, rate: () throws -> Double
  ) throws -> [Double] {
    _ = try rate()
    var rates: [Double] = []
    for repetition in 0..<repetitions {
      if isCancelled() { throw CancellationError() }
      rates.append(try rate())
      progress.report(label, completed: repetition + 1, total: repetitions, unit: .items("repetitions"))
    }
    return rates
  }
}

/// Sequences that hold `context` tokens each, to which tokens are added again and again.
private struct Sequences {
  /// Tokens of the context in one forward pass.
  private static let chunk = 512

  let model: any CausalLanguageModel
  let context: Int
  let caches: [KeyValueCache]
  /// What is added, for each sequence.
  let newTokens: [[Int]]

  init(
    _ model: any CausalLanguageModel, batch: Int, context: Int, newTokens count: Int, progress: any ProgressListener,
    isCancelled: () -> Bool
  ) throws {
    self.model = model
    self.context = context
    caches = (0..<batch).map { _ in model.makeCache(capacity: context + count) }
    let vocabulary = UInt64(model.configuration.vocabularySize)
    func ids(_ sequence: Int, _ range: Range<Int>) -> [Int] {
      let random = CounterRandom(seed: 0, stream: UInt64(sequence))
      return range.map { Int(random.bits(at: UInt64($0)) % vocabulary) }
    }
    newTokens = (0..<batch).map { ids($0, 0..<count) }
    for (sequence, cache) in caches.enumerated() {
      for first in stride(from: 0, to: context, by: Self.chunk) {
        if isCancelled() { throw CancellationError() }
        let tokens = ids(sequence, (count + first)..<(count + min(first + Self.chunk, context)))
        _ = try model.forward([Segment(tokens: tokens, cache: cache)], logits: .none)
        progress.report(
          "filling \(batch) x \(context) tokens of context", completed: sequence * context + cache.count,
          total: batch * context, unit: .items("tokens"))
      }
    }
  }

  /// Seconds that `count` tokens of every sequence take in one forward pass.
  func prompt(_ count: Int) throws -> Double {
    rewind()
    return try Measured.seconds {
      _ = try model.forward(
        zip(newTokens, caches).map { Segment(tokens: Array($0.prefix(count)), cache: $1) }, logits: .last)
    }
  }

  /// Seconds that `count` forward passes of one token of every sequence take.
  func decode(_ count: Int, _ isCancelled: () -> Bool) throws -> Double {
    rewind()
    return try Measured.seconds {
      for position in 0..<count {
        if isCancelled() { throw CancellationError() }
        _ = try model.forward(
          zip(newTokens, caches).map { Segment(tokens: [$0[position]], cache: $1) }, logits: .last, grouping: .alone)
      }
    }
  }

  private func rewind() {
    for cache in caches { cache.truncate(to: context) }
  }
}
