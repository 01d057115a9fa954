import JSONReader
import LanguageModels
import Testing

@testable import Evaluation

/// A model that gives every id the same probability, or one id a chosen share.
struct UniformModel: CausalLanguageModel {
  let configuration: ModelConfiguration
  let row: [Float]

  init(row: [Float]) throws {
    self.row = row
    let json = """
      {"architectures": ["LlamaForCausalLM"], "hidden_size": 2, "intermediate_size": 2, "num_hidden_layers": 1,
       "num_attention_heads": 1, "vocab_size": \(row.count), "max_position_embeddings": 1024}
      """
    configuration = try ModelConfiguration(JSONValue.parse(Array(json.utf8)))
  }

  func makeCache(capacity: Int) -> KeyValueCache { KeyValueCache(configuration.blocks, capacity: capacity) }

  func forward(_ segments: [Segment], logits: LogitsRequest, grouping: TokenGrouping) throws -> Logits {
    let rows =
      if case .final(let counts) = logits { counts.reduce(0, +) } else { segments.reduce(0) { $0 + $1.tokens.count } }
    return Logits(
      rows: rows, vocabularySize: row.count, values: [Float]((0..<rows).map { _ in row }.joined()))
  }
}

@Suite("Perplexity")
struct PerplexityTests {
  private let ids = (0..<1000).map { $0 % 256 }

  @Test(
    "A uniform model's perplexity is its vocabulary, whatever the window (case E02)", arguments: [2, 100, 256, 1000])
  func uniform(context: Int) throws {
    let model = try UniformModel(row: [Float](repeating: 0.5, count: 256))
    let result = try Perplexity(context: context).measure(model, on: ids)
    #expect(abs(result.value - 256) < 1e-3)
    #expect(result.windows == 1000 / context)
    #expect(result.tokens == (context - 1) * (1000 / context))
    #expect(result.droppedTokens == 1000 % context)
    #expect(!result.bos)
  }

  @Test("With a stride, every token but the first is scored once and none is left out", arguments: [1, 7, 50, 99])
  func strided(stride: Int) throws {
    let model = try UniformModel(row: [Float](repeating: 0.5, count: 256))
    let result = try Perplexity(context: 100, stride: stride).measure(model, on: ids)
    #expect(abs(result.value - 256) < 1e-3)
    #expect(result.tokens == 999)
    #expect(result.droppedTokens == 0)
    // Windows start at 0, stride, 2 · stride, … until one ends with the text.
    #expect(result.windows == 1 + (900 + stride - 1) / stride)
    #expect(result.stride == stride)
  }

  @Test("The strided form scores a token in the first window that covers it, with what is before it there")
  func stridedWindows() {
    let plan = TextWindows(count: 10, length: 4, stride: 3, hasBeginToken: false, limit: nil)
    #expect(plan.windows.map(\.tokens) == [0..<4, 3..<7, 6..<10])
    #expect(plan.windows.map(\.scored) == [1..<4, 4..<7, 7..<10])
    let begun = TextWindows(count: 5, length: 4, stride: 2, hasBeginToken: true, limit: nil)
    #expect(begun.windows.map(\.tokens) == [0..<4, 2..<5])
    #expect(begun.windows.map(\.scored) == [0..<4, 4..<5])
    #expect(TextWindows(count: 10, length: 4, stride: 2, hasBeginToken: false, limit: 2).droppedTokens == 4)
  }

  @Test("A stride of zero, or beyond the context, is refused", arguments: [0, 101, -1])
  func badStride(stride: Int) throws {
    let model = try UniformModel(row: [0, 0])
    #expect { try Perplexity(context: 100, stride: stride).measure(model, on: ids) } throws: {
      ($0 as? EvaluationError)?.code == .invalidOption && "\($0)".contains("stride")
    }
  }

  @Test("A text shorter than a window is one window (case E02)")
  func shortText() throws {
    let model = try UniformModel(row: [Float](repeating: 0, count: 256))
    let result = try Perplexity(context: 512).measure(model, on: Array(ids.prefix(2)))
    #expect(abs(result.value - 256) < 1e-3)
    #expect(result.context == 2)
    #expect(result.tokens == 1)
  }

  @Test("The record says all that the number depends on (case E02)")
  func record() throws {
    let model = try UniformModel(row: [Float](repeating: 0.5, count: 256))
    let record = try Perplexity(context: 256).measure(model, on: ids).record(text: "t", words: 200, bytes: 1000)
    #expect(record.windows == 3)
    #expect(record.tokens == 3 * 255)
    #expect(record.droppedTokens == 1000 - 3 * 256)
    #expect(record.textTokens == 1000)
    #expect(record.tokensPerWord == 5)
    // A byte a token: log2(256) bits.
    #expect(abs(record.bitsPerByte - 8) < 1e-5)
    #expect(record.lossByPosition.map(\.first).prefix(6) == [1, 2, 3, 4, 6, 8])
    #expect(record.lossByPosition.last?.last == 255)
    #expect(record.lossByPosition.reduce(0) { $0 + $1.count } == record.tokens)
    #expect(record.lossByPosition.allSatisfy { abs($0.meanLoss - 5.545177444479562) < 1e-5 })
    #expect(record.lossQuantiles.last.map { abs($0.value - 5.545177444479562) < 1e-5 } == true)
  }

  @Test("A begin token before each window adds a prediction to it")
  func beginToken() throws {
    let model = try UniformModel(row: [Float](repeating: 0, count: 256))
    let result = try Perplexity(context: 100, windowLimit: 3, beginTokenID: 1).measure(model, on: ids)
    #expect(result.tokens == 300)
    #expect(result.windows == 3)
    #expect(result.bos)
  }

  @Test("The loss is the cross-entropy in natural logarithms")
  func crossEntropy() throws {
    // softmax of [2, 1, 0.5, -1, -2, 0] at id 0 is 0.557275: perplexity of a text of zeros is its inverse.
    let model = try UniformModel(row: [2, 1, 0.5, -1, -2, 0])
    let result = try Perplexity(context: 10).measure(model, on: [Int](repeating: 0, count: 10))
    #expect(abs(result.value - 1 / 0.5572745643630723) < 1e-5)
  }

  @Test("A text of 0 or 1 token is refused (case E02)", arguments: [0, 1])
  func tooShort(count: Int) throws {
    let model = try UniformModel(row: [0, 0])
    #expect { try Perplexity().measure(model, on: [Int](repeating: 0, count: count)) } throws: {
      ($0 as? EvaluationError)?.code == .invalidOption || ($0 as? EvaluationError)?.code == .textTooShort
    }
    #expect { try Perplexity(context: 8).measure(model, on: [Int](repeating: 0, count: count)) } throws: {
      ($0 as? EvaluationError)?.code == .textTooShort
    }
  }
}
