import Checkpoints
import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import Generation

@Suite("Generation engine")
struct GenerationEngineTests {
  /// A tiny model of random weights, and prompts that share beginnings.
  private func model(_ name: String) throws -> any CausalLanguageModel {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try ArchitectureFixture(name).write(to: folder, dtype: .float32)
    return try ModelRegistry.load(try ModelDirectory(path: folder.path))
  }

  private func prompts(_ count: Int) -> [[Int]] {
    let common = (0..<20).map { ($0 * 7 + 3) % 96 }
    return (0..<count).map { number in
      (number % 3 == 0 ? [] : common) + (0..<(1 + number * 5 % 31)).map { ($0 * (number + 2) + number) % 96 }
    }
  }

  /// Long enough to cross every path, short enough for the fixtures' contexts.
  private let options = GenerationOptions(
    sampling: .greedy, maximumTokens: 12, logProbabilityCount: 2, ignoresEndTokens: true)

  @Test(
    "Replies made together, with known beginnings and prompts in chunks, are those made alone, to the last bit",
    arguments: ["llama", "mistral-window", "mixtral", "qwen3", "phi3", "gemma2", "deepseek3"])
  func together(name: String) async throws {
    let model = try model(name)
    let generator = TextGenerator(model: model, tokenizer: nil)
    let prompts = prompts(16)
    let alone = try prompts.map { try generator.generate($0, options: options).tokens }
    for chunk in [3, 128] {
      let engine = GenerationEngine(
        model: model, tokenizer: nil, limits: EngineLimits(parallel: 5, promptChunk: chunk))
      // The second round finds beginnings of its prompts.
      for _ in 0..<2 {
        let streams = try engine.submit(prompts.map { GenerationRequest(prompt: $0, options: options) })
        let replies = try await withThrowingTaskGroup(of: (Int, [GeneratedToken]).self) { group in
          for (index, stream) in streams.enumerated() {
            group.addTask { (index, try await stream.result().tokens) }
          }
          return try await group.reduce(into: [Int: [GeneratedToken]]()) { $0[$1.0] = $1.1 }
        }
        for (index, tokens) in alone.enumerated() { #expect(replies[index] == tokens, "\(name), prompt \(index)") }
      }
      let statistics = engine.statistics
      #expect(statistics.finished == 32 && statistics.active == 0 && statistics.queued == 0)
      #expect(statistics.cachedTokens > 200 && statistics.replyTokens > statistics.steps)
    }
  }

  @Test("A reader that goes away frees its place at once; the others are not disturbed")
  func cancellation() async throws {
    let model = try FixedModel(saying: [2, 3], vocabulary: 8, positions: 1 << 30)
    let engine = GenerationEngine(model: model, tokenizer: nil, limits: EngineLimits(parallel: 1))
    let endless = GenerationOptions(sampling: .greedy, ignoresEndTokens: true)
    do {
      let stream = try engine.submit(GenerationRequest(prompt: [1], options: endless))
      var count = 0
      for try await _ in stream {
        count += 1
        if count == 3 { break }
      }
    }
    let next = try engine.submit(
      GenerationRequest(prompt: [1], options: GenerationOptions(sampling: .greedy, maximumTokens: 2)))
    // The place is the only one, so this ends only because the first request was let go.
    #expect(try await next.result().tokens.map(\.id) == [2, 3])
    #expect(engine.statistics.cancelled == 1)
  }

  @Test("A request that is let go while it waits ends, and so does everything when the engine stops")
  func waiting() async throws {
    let model = try FixedModel(saying: [2, 3], vocabulary: 8, positions: 1 << 30)
    let engine = GenerationEngine(model: model, tokenizer: nil, limits: EngineLimits(parallel: 1))
    let endless = GenerationRequest(
      prompt: [1], options: GenerationOptions(sampling: .greedy, ignoresEndTokens: true))
    let streams = try engine.submit([endless, endless, endless])
    streams[1].cancel()
    await #expect(throws: CancellationError.self) { try await streams[1].result() }
    engine.stop()
    #expect(try await streams[0].result().finishReason == .cancelled)
    await #expect(throws: CancellationError.self) { try await streams[2].result() }
  }

  @Test("A full queue refuses; a request that cannot be served fails by itself")
  func refusals() async throws {
    let model = try FixedModel(rows: [[0, 1, .nan], [0, 1, 2]], positions: 1 << 30)
    let engine = GenerationEngine(model: model, tokenizer: nil, limits: EngineLimits(parallel: 1, queue: 2))
    let bad = try engine.submit(GenerationRequest(prompt: [1], options: GenerationOptions(sampling: .greedy)))
    await #expect(throws: GenerationError.self) { try await bad.result() }
    let good = try engine.submit(
      GenerationRequest(prompt: [1, 1], options: GenerationOptions(sampling: .greedy, maximumTokens: 1)))
    #expect(try await good.result().tokens.map(\.id) == [2])
    #expect(engine.statistics.failed == 1 && engine.statistics.finished == 1)
    let many = (0..<3).map { _ in GenerationRequest(prompt: [1, 1]) }
    let error = #expect(throws: GenerationError.self) { try engine.submit(many) }
    #expect(error?.code == .queueFull)
    #expect(throws: GenerationError.self) { try engine.submit(GenerationRequest(prompt: [9])) }
    engine.stop()
    #expect(throws: GenerationError.self) { try engine.submit(GenerationRequest(prompt: [1, 1])) }
  }

  @Test("Log-probabilities of a prompt are those of the model, in chunks or whole")
  func promptLogProbabilities() async throws {
    let model = try model("llama")
    let prompt = prompts(3)[2]
    let cache = model.makeCache(capacity: prompt.count)
    let logits = try model.forward([Segment(tokens: prompt, cache: cache)], logits: .all, grouping: .together)
    for chunk in [2, 128] {
      let engine = GenerationEngine(model: model, tokenizer: nil, limits: EngineLimits(promptChunk: chunk))
      let result = try await engine.submit(
        GenerationRequest(prompt: prompt, options: options, promptLogProbabilityCount: 3)
      ).result()
      #expect(result.promptTokens.map(\.id) == prompt)
      #expect(result.promptTokens[0].logProbability == nil)
      for (index, token) in result.promptTokens.enumerated().dropFirst() {
        let expected = LogProbabilities(logits.row(index - 1))
        #expect(token.logProbability == expected[token.id])
        #expect(token.topLogProbabilities == expected.top(3))
      }
    }
  }

  /// Only even ids, five of them.
  private struct EvenOnly: TokenConstraint {
    var count = 0
    func allows(_ id: Int) -> Bool { id % 2 == 0 && count < 5 }
    mutating func append(_ id: Int) { count += 1 }
  }

  @Test("A constraint decides what is drawn, also where the likeliest tokens are forbidden", arguments: [0, 1.0])
  func constraint(temperature: Double) async throws {
    let model = try FixedModel(rows: [[0, 9, 1, 8, 2, 7, 0.5, 6]], positions: 64)
    let engine = GenerationEngine(model: model, tokenizer: nil)
    let options = GenerationOptions(sampling: SamplingOptions(temperature: temperature, topK: 3, seed: 4))
    let result = try await engine.submit(
      GenerationRequest(prompt: [1], options: options, constraint: EvenOnly())
    ).result()
    #expect(result.tokens.map(\.id) == [4, 4, 4, 4, 4])
    #expect(result.finishReason == .stop)
  }
}
