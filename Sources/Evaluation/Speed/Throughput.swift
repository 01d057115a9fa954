import Foundation
public import LanguageModels
public import Tensors

/// Speed of prompts and of decoding.
public struct Throughput: Sendable {
  /// One measured figure.
  public struct Result: Sendable {
    /// `prompt` or `decode`.
    public let test: String
    /// Sequences that ran together.
    public let batch: Int
    /// Tokens of each sequence.
    public let tokens: Int
    /// Mean over the repetitions, tokens of all sequences per second.
    public let meanTokensPerSecond: Double
    /// Sample standard deviation over the repetitions; 0 for one.
    public let standardDeviation: Double
    /// Repetitions that were counted, after one that was not.
    public let repetitions: Int
  }

  /// Tokens of the prompt; 0 leaves the test out.
  public var promptTokens: Int
  /// Tokens decoded; 0 leaves the test out.
  public var generatedTokens: Int
  /// Numbers of sequences to run together.
  public var batches: [Int]
  /// Repetitions that count.
  public var repetitions: Int

  /// A measurement.
  public init(promptTokens: Int = 512, generatedTokens: Int = 128, batches: [Int] = [1], repetitions: Int = 5) {
    self.promptTokens = promptTokens
    self.generatedTokens = generatedTokens
    self.batches = batches
    self.repetitions = repetitions
  }

  /// Runs all tests; token ids are arbitrary but fixed.
  ///
  /// - Throws: what the model's forward pass throws.
  public func measure(
    _ model: any CausalLanguageModel, progress: any ProgressListener = SilentProgress(),
    isCancelled: () -> Bool = { false }
  ) throws -> [Result] {
    var results: [Result] = []
    for batch in batches {
      if promptTokens > 0 {
        results.append(
          try repeated("prompt", batch, promptTokens, progress, isCancelled) {
            let segments = (0..<batch).map { sequence in
              Segment(
                tokens: tokens(model, promptTokens, sequence), cache: model.makeCache(capacity: promptTokens))
            }
            return try time { _ = try model.forward(segments, logits: .last) }
          })
      }
      if generatedTokens > 0 {
        results.append(
          try repeated("decode", batch, generatedTokens, progress, isCancelled) {
            let caches = (0..<batch).map { _ in model.makeCache(capacity: generatedTokens) }
            let ids = (0..<batch).map { tokens(model, generatedTokens, $0) }
            return try time {
              for position in 0..<generatedTokens {
                _ = try model.forward(
                  (0..<batch).map { Segment(tokens: [ids[$0][position]], cache: caches[$0]) }, logits: .last,
                  grouping: .alone)
              }
            }
          })
      }
    }
    return results
  }

  private func tokens(_ model: any CausalLanguageModel, _ count: Int, _ sequence: Int) -> [Int] {
    let random = CounterRandom(seed: 0, stream: UInt64(sequence))
    return (0..<count).map { Int(random.bits(at: UInt64($0)) % UInt64(model.configuration.vocabularySize)) }
  }

  private func time(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return Double(start.duration(to: .now) / .seconds(1))
  }

  private func repeated(
    _ test: String, _ batch: Int, _ tokens: Int, _ progress: any ProgressListener, _ isCancelled: () -> Bool,
    run: () throws -> Double
  ) throws -> Result {
    _ = try run()
    var rates: [Double] = []
    for repetition in 0..<repetitions {
      if isCancelled() { throw CancellationError() }
      rates.append(Double(batch * tokens) / max(try run(), 1e-9))
      progress.report(
        "\(test), batch \(batch)", completed: repetition + 1, total: repetitions, unit: .items("repetitions"))
    }
    let mean = rates.reduce(0, +) / Double(max(1, rates.count))
    let variance = rates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, rates.count - 1))
    return Result(
      test: test, batch: batch, tokens: tokens, meanTokensPerSecond: mean,
      standardDeviation: rates.count > 1 ? variance.squareRoot() : 0, repetitions: rates.count)
  }
}
