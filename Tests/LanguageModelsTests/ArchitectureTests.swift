import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Every architecture against `transformers`; see `Scripts/record_architectures.py` for what was recorded and how.
@Suite("Architectures")
struct ArchitectureTests {
  /// Cases whose architecture or rule this package does not know yet.
  static let pending: Set<String> = [
    "deepseek2", "deepseek2-groups", "deepseek3", "deepseek3-halves", "gemma", "gemma2", "gemma3", "gemma3-multimodal",
    "llama-dynamic", "llama-yarn", "llama-yarn-untruncated", "mistral-window", "mixtral", "mixtral-window", "phi3",
    "phi3-longrope", "phi3-longrope-crossing", "phi3-longrope-short", "qwen2-moe", "qwen2-moe-sparse-step",
    "qwen2-window", "qwen3", "qwen3-moe", "qwen3-moe-unnormalized", "qwen3-tied",
  ]
  static let cases = ArchitectureFixture.names.filter { !pending.contains($0) }

  /// Float32 sums in another order: the reference itself is within 3e-5 of its own logits in float64.
  static let tolerance: Float = 2e-4

  private func withModel(
    _ fixture: ArchitectureFixture, spelling: String = "config.json", dtype: DType = .float32,
    _ body: (any CausalLanguageModel) throws -> Void
  ) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try fixture.write(to: folder, spelling: spelling, dtype: dtype)
    try body(ModelRegistry.load(try ModelDirectory(path: folder.path)))
  }

  private func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    guard a.count == b.count else { return .infinity }
    return zip(a, b).reduce(0) { max($0, ($1.0 - $1.1).isNaN ? .infinity : abs($1.0 - $1.1)) }
  }

  @Test("All fixtures are there")
  func fixtures() {
    #expect(ArchitectureFixture.names.count == 33)
    #expect(Self.pending.isSubset(of: ArchitectureFixture.names))
  }

  @Test("Prompt logits equal the reference's, in both spellings", arguments: cases, ArchitectureFixture.spellings)
  func prompt(name: String, spelling: String) throws {
    let fixture = try ArchitectureFixture(name)
    try withModel(fixture, spelling: spelling) { model in
      let cache = model.makeCache(capacity: fixture.prompt.count)
      let logits = try model.forward([Segment(tokens: fixture.prompt, cache: cache)], logits: .all)
      #expect(try largestDifference(logits.values, fixture.logits) < Self.tolerance)
    }
  }

  @Test("In pieces of 7 the prompt's logits equal the reference's", arguments: cases)
  func pieces(name: String) throws {
    let fixture = try ArchitectureFixture(name)
    try withModel(fixture) { model in
      let cache = model.makeCache(capacity: fixture.prompt.count)
      var values: [Float] = []
      for first in stride(from: 0, to: fixture.prompt.count, by: 7) {
        let piece = Array(fixture.prompt[first..<min(first + 7, fixture.prompt.count)])
        values += try model.forward([Segment(tokens: piece, cache: cache)], logits: .all).values
      }
      #expect(try largestDifference(values, fixture.logitsInPieces) < Self.tolerance)
    }
  }

  @Test("Greedy continuations equal the reference's; weights stored as bfloat16", arguments: cases)
  func greedy(name: String) throws {
    let fixture = try ArchitectureFixture(name)
    try withModel(fixture, dtype: .bfloat16) { model in
      let expected = try fixture.greedy
      let cache = model.makeCache(capacity: fixture.prompt.count + expected.count)
      var continuation: [Int] = []
      var next = fixture.prompt
      for _ in expected {
        let row = try model.forward([Segment(tokens: next, cache: cache)], logits: .last).values
        let best = row.indices.max { row[$0] < row[$1] || (row[$0] == row[$1] && $0 > $1) } ?? 0
        continuation.append(best)
        next = [best]
      }
      #expect(continuation == expected)
    }
  }
}
