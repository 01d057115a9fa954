import Foundation
import JSONReader
import Tensors
import Testing

@testable import LanguageModels

/// The model against a forward pass in Double written down here, for shapes that tutorials get wrong.
@Suite("Llama by its formula")
struct LlamaFormulaTests {
  private func configuration(
    heads: Int, keyValueHeads: Int, headDimension: Int?, tied: Bool = true
  ) throws -> ModelConfiguration {
    let json = """
      {"architectures": ["LlamaForCausalLM"], "hidden_size": 36, "intermediate_size": 20, "num_hidden_layers": 2,
       "num_attention_heads": \(heads), "num_key_value_heads": \(keyValueHeads),
       "head_dim": \(headDimension.map(String.init) ?? "null"), "vocab_size": 17, "rms_norm_eps": 1e-5,
       "rope_theta": 10000, "tie_word_embeddings": \(tied)}
      """
    return try ModelConfiguration(JSONValue.parse(Array(json.utf8)))
  }

  @Test(
    "Logits follow the formula; query head h reads key head h / (heads / key heads) (case M06)",
    arguments: [(4, 2, 16), (9, 3, nil), (2, 1, 8)] as [(Int, Int, Int?)])
  func logits(heads: Int, keyValueHeads: Int, headDimension: Int?) throws {
    let configuration = try configuration(heads: heads, keyValueHeads: keyValueHeads, headDimension: headDimension)
    let source = MemorySource(configuration, head: false)
    let model = try DecoderModel(configuration, source: source, settings: nil)
    let tokens = [3, 1, 16, 5, 5, 0, 9]
    let result = try model.forward([Segment(tokens: tokens, cache: model.makeCache(capacity: 8))], logits: .all)
    let expected = try Formula(configuration, source).logits(tokens)
    #expect(result.values.count == expected.count)
    for (value, exact) in zip(result.values, expected) { #expect(abs(Double(value) - exact) < 1e-4) }
  }

  @Test("The spellings of rotary scaling give the same logits to the bit (case M01)")
  func spellings() throws {
    let base = """
      "architectures": ["LlamaForCausalLM"], "hidden_size": 36, "intermediate_size": 20, "num_hidden_layers": 2,
      "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 17, "tie_word_embeddings": true
      """
    let numbers =
      #""factor": 32, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192"#
    let spellings = [
      #""rope_theta": 500000, "rope_scaling": {"rope_type": "llama3", \#(numbers)}, "torch_dtype": "float32""#,
      #""rope_parameters": {"rope_theta": 500000, "rope_type": "llama3", \#(numbers)}, "torch_dtype": "float32""#,
      #""rope_theta": 500000, "rope_scaling": {"type": "llama3", \#(numbers)}, "dtype": "float32""#,
      #""rope_theta": 500000, "rope_scaling": null"#,
    ]
    let logits = try spellings.map { spelling in
      let configuration = try ModelConfiguration(JSONValue.parse(Array("{\(base), \(spelling)}".utf8)))
      let model = try DecoderModel(configuration, source: MemorySource(configuration, head: false), settings: nil)
      let cache = model.makeCache(capacity: 300)
      return try model.forward([Segment(tokens: (0..<300).map { $0 % 17 }, cache: cache)], logits: .last).values
    }
    #expect(logits[0] == logits[1] && logits[1] == logits[2])
    #expect(logits[0] != logits[3])
  }

  @Test("A tied model uses its embedding even where another head is stored; an untied one needs its head (case M07)")
  func head() throws {
    let tied = try configuration(heads: 4, keyValueHeads: 2, headDimension: 8)
    let untied = try configuration(heads: 4, keyValueHeads: 2, headDimension: 8, tied: false)
    let tokens = [1, 2, 3]
    func logits(_ configuration: ModelConfiguration, storedHead: Bool) throws -> [Float] {
      let model = try DecoderModel(configuration, source: MemorySource(configuration, head: storedHead), settings: nil)
      return try model.forward([Segment(tokens: tokens, cache: model.makeCache(capacity: 4))], logits: .last).values
    }
    let (absent, stale, own) = (
      try logits(tied, storedHead: false), try logits(tied, storedHead: true), try logits(untied, storedHead: true)
    )
    #expect(absent == stale)
    #expect(absent != own)
    #expect { try logits(untied, storedHead: false) } throws: { "\($0)".contains("lm_head.weight") }
  }
}

/// `x += attention(norm(x)); x += down(silu(gate(norm(x))) · up(norm(x)))`, one number at a time.
private struct Formula {
  let c: ModelConfiguration
  let source: MemorySource

  init(_ configuration: ModelConfiguration, _ source: MemorySource) {
    c = configuration
    self.source = source
  }

  private func matrix(_ name: String) throws -> (rows: Int, columns: Int, values: [Double]) {
    let tensor = try source.tensor(named: name)
    return (tensor.shape[0], tensor.shape.rank > 1 ? tensor.shape[1] : 1, try tensor.floats().map(Double.init))
  }

  private func times(_ name: String, _ x: [Double]) throws -> [Double] {
    let w = try matrix(name)
    return (0..<w.rows).map { row in (0..<w.columns).reduce(0) { $0 + w.values[row * w.columns + $1] * x[$1] } }
  }

  private func norm(_ name: String, _ x: [Double]) throws -> [Double] {
    let weight = try matrix(name).values
    let scale = 1 / (x.reduce(0) { $0 + $1 * $1 } / Double(x.count) + Double(c.normEpsilon)).squareRoot()
    return zip(x, weight).map { $0 * scale * $1 }
  }

  private func rotated(_ x: [Double], position: Int) -> [Double] {
    let (d, half) = (c.headDimension, c.headDimension / 2)
    var y = x
    for head in 0..<(x.count / d) {
      for i in 0..<half {
        let angle = Double(position) * pow(c.rotaries[0].theta, -Double(i) / Double(half))
        let (a, b) = (x[head * d + i], x[head * d + half + i])
        y[head * d + i] = a * cos(angle) - b * sin(angle)
        y[head * d + half + i] = b * cos(angle) + a * sin(angle)
      }
    }
    return y
  }

  func logits(_ tokens: [Int]) throws -> [Double] {
    let embedding = try matrix("model.embed_tokens.weight")
    var x = tokens.map { token in (0..<c.hiddenSize).map { embedding.values[token * c.hiddenSize + $0] } }
    for block in 0..<c.layerCount {
      let prefix = "model.layers.\(block)"
      let normalized = try x.map { try norm("\(prefix).input_layernorm.weight", $0) }
      let q = try normalized.enumerated().map {
        rotated(try times("\(prefix).self_attn.q_proj.weight", $0.element), position: $0.offset)
      }
      let k = try normalized.enumerated().map {
        rotated(try times("\(prefix).self_attn.k_proj.weight", $0.element), position: $0.offset)
      }
      let v = try normalized.map { try times("\(prefix).self_attn.v_proj.weight", $0) }
      for t in x.indices {
        let mixed = mix(q[t], k[...t], v[...t])
        let update = try times("\(prefix).self_attn.o_proj.weight", mixed)
        x[t] = zip(x[t], update).map { $0 + $1 }
        let inner = try norm("\(prefix).post_attention_layernorm.weight", x[t])
        let gate = try times("\(prefix).mlp.gate_proj.weight", inner)
        let up = try times("\(prefix).mlp.up_proj.weight", inner)
        let down = try times("\(prefix).mlp.down_proj.weight", zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 })
        x[t] = zip(x[t], down).map { $0 + $1 }
      }
    }
    return try x.flatMap { try times("model.embed_tokens.weight", norm("model.norm.weight", $0)) }
  }

  private func mix(_ q: [Double], _ keys: ArraySlice<[Double]>, _ values: ArraySlice<[Double]>) -> [Double] {
    let d = c.headDimension
    return (0..<c.headCount).flatMap { head -> [Double] in
      let group = head / (c.headCount / c.keyValueHeadCount)
      let scores = keys.map { key in
        (0..<d).reduce(0) { $0 + q[head * d + $1] * key[group * d + $1] } / Double(d).squareRoot()
      }
      let weights = scores.map { exp($0) }
      let total = weights.reduce(0, +)
      return (0..<d).map { i in zip(weights, values).reduce(0) { $0 + $1.0 / total * $1.1[group * d + i] } }
    }
  }
}
