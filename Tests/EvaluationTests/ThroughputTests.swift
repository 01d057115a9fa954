import JSONReader
import LanguageModels
import Synchronization
import Testing

@testable import Evaluation

/// A model that computes nothing and keeps a list of what it was asked.
private final class ListeningModel: CausalLanguageModel {
  /// One forward pass: how many sequences, tokens of each, and what the first one held before.
  struct Pass: Equatable {
    let batch: Int
    let tokens: Int
    let context: Int
  }

  let configuration: ModelConfiguration
  let passes = Mutex<[Pass]>([])

  init(positions: Int = 1024) throws {
    let json = """
      {"architectures": ["LlamaForCausalLM"], "hidden_size": 2, "intermediate_size": 2, "num_hidden_layers": 1,
       "num_attention_heads": 1, "vocab_size": 2, "max_position_embeddings": \(positions)}
      """
    configuration = try ModelConfiguration(JSONValue.parse(Array(json.utf8)))
  }

  func makeCache(capacity: Int) -> KeyValueCache { KeyValueCache(configuration.blocks, capacity: capacity) }

  func forward(_ segments: [Segment], logits: LogitsRequest, grouping: TokenGrouping) throws -> Logits {
    passes.withLock {
      $0.append(Pass(batch: segments.count, tokens: segments[0].tokens.count, context: segments[0].cache.count))
    }
    for segment in segments {
      #expect(segment.cache.count + segment.tokens.count <= segment.cache.capacity)
      segment.cache.advance(by: segment.tokens)
    }
    return Logits(rows: 0, vocabularySize: 2, values: [])
  }
}

@Suite("Throughput")
struct ThroughputTests {
  @Test("Every batch at every context is measured, with as many repetitions as asked after one that does not count")
  func matrix() throws {
    let model = try ListeningModel()
    let throughput = Throughput(
      promptTokens: 16, generatedTokens: 8, batches: [1, 2], contexts: [0, 100], repetitions: 3)
    let results = try throughput.measure(model)
    #expect(results.map(\.test) == Array(repeating: ["prompt", "decode"], count: 4).flatMap { $0 })
    #expect(results.map(\.batch) == [1, 1, 1, 1, 2, 2, 2, 2])
    #expect(results.map(\.context) == [0, 0, 100, 100, 0, 0, 100, 100])
    #expect(results.map(\.tokens) == Array(repeating: [16, 8], count: 4).flatMap { $0 })
    #expect(results.allSatisfy { $0.tokensPerSecond.count == 3 && $0.tokensPerSecond.mean > 0 })
    // The prompts of two sequences that held 100 tokens: one pass that does not count, three that do.
    let passes = model.passes.withLock { $0 }
    #expect(passes.filter { $0 == .init(batch: 2, tokens: 16, context: 100) }.count == 4)
    // Decoding goes from the same depth each time, a token a pass.
    for depth in 100..<108 {
      #expect(passes.filter { $0 == .init(batch: 2, tokens: 1, context: depth) }.count == 4)
    }
    #expect(ProcessMemory.peakBytes > 1 << 20)
  }

  @Test("Contexts beyond the model's positions are refused before anything runs long")
  func positions() throws {
    let throughput = Throughput(promptTokens: 16, generatedTokens: 0, contexts: [0, 1010])
    #expect {
      try throughput.measure(try ListeningModel())
    } throws: {
      ($0 as? EvaluationError)?.message.contains("sequences of 1026 tokens") == true
    }
  }

  @Test("Sequences whose keys and values no memory holds are refused")
  func memory() throws {
    let throughput = Throughput(
      promptTokens: 0, generatedTokens: 1, batches: [1 << 20], contexts: [1 << 30])
    #expect {
      try throughput.measure(try ListeningModel(positions: Int(Int32.max)))
    } throws: {
      ($0 as? EvaluationError)?.message.contains("more than this machine's memory") == true
    }
  }

  @Test("Mean and sample standard deviation of 2, 4, 4, 4, 5, 5, 7, 9 are 5 and the root of 32/7")
  func measured() {
    let measured = Measured([2, 4, 4, 4, 5, 5, 7, 9])
    #expect(measured.mean == 5)
    #expect(abs(measured.standardDeviation - (32.0 / 7).squareRoot()) < 1e-12)
    #expect(Measured([3]).standardDeviation == 0)
    #expect(Measured([]) == Measured([]))
  }
}
