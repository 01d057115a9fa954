import Checkpoints
import Foundation
import JSONReader
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Logits and greedy continuations recorded from the reference packages; see `../shared/vectors/README.md`.
@Suite(
  "Reference models",
  .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)))
struct ReferenceModelTests {
  static let models = [
    "tiny-llama-vptq", "tiny-llama31-vptq", "tiny-llama-fp16-vptq", "tiny-qwen2-vptq", "tiny-qwen2-tied-vptq",
  ]

  private func load(_ name: String) throws -> (any CausalLanguageModel, SafetensorsFile) {
    let folder = try SharedData.url("vectors/\(name)")
    let model = try ModelRegistry.load(
      try ModelDirectory(path: folder.path), options: RuntimeOptions(cache: .float32))
    return (model, try SafetensorsFile(path: folder.appendingPathComponent("reference.safetensors").path))
  }

  private func ids(_ tensor: Tensor) -> [Int] {
    tensor.withUnsafeBytes { bytes in
      (0..<tensor.shape.elementCount).map { Int(bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self)) }
    }
  }

  private func largestDifference(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Float {
    zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  @Test("Prompt logits equal the reference's in float32", arguments: models)
  func promptLogits(name: String) throws {
    let (model, reference) = try load(name)
    let tokens = ids(try reference.tensor(named: "input_ids"))
    let expected = try reference.tensor(named: "logits.f32").floats()
    let logits = try model.forward([Segment(tokens: tokens, cache: model.makeCache(capacity: 64))], logits: .all)
    #expect(logits.values.count == expected.count)
    #expect(largestDifference(logits.values, expected) < 2e-4)
  }

  @Test("Token by token and in chunks, the logits are the same", arguments: models)
  func chunks(name: String) throws {
    let (model, reference) = try load(name)
    let tokens = ids(try reference.tensor(named: "input_ids"))
    let expected = try reference.tensor(named: "logits.f32").floats()
    let vocabulary = model.configuration.vocabularySize
    for size in [1, 2, 5, 7] {
      let cache = model.makeCache(capacity: tokens.count)
      var values: [Float] = []
      for first in stride(from: 0, to: tokens.count, by: size) {
        let chunk = Array(tokens[first..<min(first + size, tokens.count)])
        values += try model.forward([Segment(tokens: chunk, cache: cache)], logits: .all).values
      }
      #expect(values.count == tokens.count * vocabulary)
      #expect(largestDifference(values, expected) < 2e-4, "chunks of \(size)")
    }
  }

  @Test("Several sequences in one pass do not touch each other", arguments: ["tiny-llama-vptq"])
  func batches(name: String) throws {
    let (model, reference) = try load(name)
    let tokens = ids(try reference.tensor(named: "input_ids"))
    let alone = try model.forward(
      [Segment(tokens: Array(tokens[..<9]), cache: model.makeCache(capacity: 32))], logits: .last)
    let together = try model.forward(
      [
        Segment(tokens: Array(tokens[9...]), cache: model.makeCache(capacity: 32)),
        Segment(tokens: Array(tokens[..<9]), cache: model.makeCache(capacity: 32)),
      ], logits: .last)
    #expect(Array(together.row(1)) == alone.values)
  }

  @Test("Greedy continuations equal the reference's", arguments: models)
  func greedy(name: String) throws {
    let (model, reference) = try load(name)
    let expected = ids(try reference.tensor(named: "greedy.f32"))
    let prompt = Array(expected[..<8])
    #expect(try continuation(model, prompt, count: 16) == expected)
  }

  @Test("stories260K tells its story (recorded with transformers)")
  func stories() throws {
    let folder = try SharedData.url("data/models/stories260K")
    let model = try ModelRegistry.load(
      try ModelDirectory(path: folder.path), options: RuntimeOptions(cache: .float32))
    let json = try JSONValue.parse([UInt8](Data(contentsOf: folder.appendingPathComponent("greedy.json"))))
    let expected = try #require(json["ids"]?.arrayValue).compactMap(\.intValue)
    #expect(expected.count > 100)
    #expect(try continuation(model, [1], count: expected.count - 1) == expected)
  }

  private func continuation(_ model: any CausalLanguageModel, _ prompt: [Int], count: Int) throws -> [Int] {
    let cache = model.makeCache(capacity: prompt.count + count)
    var tokens = prompt
    var next = prompt
    for _ in 0..<count {
      let row = try model.forward([Segment(tokens: next, cache: cache)], logits: .last).values
      let best = row.indices.max { row[$0] < row[$1] || (row[$0] == row[$1] && $0 > $1) } ?? 0
      tokens.append(best)
      next = [best]
    }
    return tokens
  }

  @Test("A full cache and an id outside the vocabulary are refused, and the cache stays as it was")
  func refusals() throws {
    let (model, _) = try load("tiny-llama-vptq")
    let cache = model.makeCache(capacity: 2)
    #expect { try model.forward([Segment(tokens: [1, 2, 3], cache: cache)], logits: .last) } throws: { error in
      (error as? LanguageModelError)?.code == .badInput && "\(error)".contains("context of 2")
    }
    #expect { try model.forward([Segment(tokens: [128], cache: cache)], logits: .last) } throws: { error in
      (error as? LanguageModelError)?.code == .badInput && "\(error)".contains("128")
    }
    #expect(cache.count == 0)
  }
}
