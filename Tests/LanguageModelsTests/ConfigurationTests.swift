import Foundation
import JSONReader
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

@Suite("Model configuration")
struct ConfigurationTests {
  /// A small Llama configuration with some keys replaced.
  private func configuration(_ changes: String = "", removing: String = "") throws -> ModelConfiguration {
    var keys: [(String, String)] = [
      ("architectures", #"["LlamaForCausalLM"]"#), ("hidden_size", "64"), ("intermediate_size", "96"),
      ("num_hidden_layers", "2"), ("num_attention_heads", "4"), ("num_key_value_heads", "2"), ("vocab_size", "32"),
      ("rms_norm_eps", "1e-5"),
    ]
    keys.removeAll { $0.0 == removing }
    let body = keys.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ")
    return try ModelConfiguration(JSONValue.parse(Array("{\(body)\(changes.isEmpty ? "" : ", " + changes)}".utf8)))
  }

  @Test("Old and new spellings of rotary scaling agree (case M01)")
  func rotarySpellings() throws {
    let numbers =
      #""factor": 32, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192"#
    let old = try configuration(#""rope_theta": 500000, "rope_scaling": {"rope_type": "llama3", \#(numbers)}"#)
    let new = try configuration(#""rope_parameters": {"rope_theta": 500000, "rope_type": "llama3", \#(numbers)}"#)
    let short = try configuration(
      #""rope_theta": 500000, "rope_scaling": {"type": "llama3", \#(numbers)}, "dtype": "bfloat16""#)
    #expect(old.rotaries[0].theta == 500000)
    #expect(new.rotaries[0].theta == 500000)
    #expect(old.rotaries == new.rotaries)
    #expect(old.rotaries == short.rotaries)
    #expect(short.dtype == .bfloat16)
  }

  @Test("An unknown rotary type is refused by name (case M01)")
  func unknownRotaryType() {
    #expect { try configuration(#""rope_scaling": {"rope_type": "spiral", "factor": 2}"#) } throws: { error in
      (error as? LanguageModelError)?.code == .unsupported && "\(error)".contains("spiral")
    }
  }

  @Test("llama3 scaling (case M02: values of transformers 4.48.3)")
  func llama3Frequencies() {
    let scaling = RotaryScaling.llama3(
      factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 8192)
    let plain = RotaryScaling.none.inverseFrequencies(half: 32, theta: 500000)
    let ratio = zip(scaling.inverseFrequencies(half: 32, theta: 500000), plain).map { $0 / $1 }
    for pair in 0...14 { #expect(abs(ratio[pair] - 1) < 1e-12) }
    #expect(abs(ratio[15] - 0.605573) < 1e-6)
    #expect(abs(ratio[16] - 0.303742) < 1e-6)
    #expect(abs(ratio[17] - 0.103448) < 1e-6)
    for pair in 18...31 { #expect(abs(ratio[pair] - 0.03125) < 1e-12) }
  }

  @Test("linear scaling (case M03: values of transformers 4.48.3)")
  func linearFrequencies() {
    let frequencies = RotaryScaling.linear(factor: 4).inverseFrequencies(half: 8, theta: 1e4)
    #expect(frequencies[0] == 0.25)
    #expect(abs(frequencies[1] - 0.079056941) < 1e-9)
  }

  @Test("yarn scaling, its attention factor included (case M03: values of transformers 4.48.3)")
  func yarnFrequencies() throws {
    let model = try configuration(
      #""head_dim": 16, "rope_theta": 1e6, "rope_scaling": {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 32768}"#
    )
    let rotary = model.rotaries[0]
    let frequencies = rotary.scaling.inverseFrequencies(half: 8, theta: rotary.theta)
    let expected = [
      1, 0.17782793939, 0.03162277862, 0.00421755994, 0.00050000002, 4.44569851e-5, 7.90569356e-6, 1.40585337e-6,
    ]
    for (value, exact) in zip(frequencies, expected) { #expect(abs(value - exact) < 2e-7 * exact) }
    #expect(abs(rotary.scaling.attentionFactor - 1.138629436) < 1e-9)
  }

  @Test("Where yarn names no original context it is the model's (as in transformers 4.48.3)")
  func yarnDefaults() throws {
    let short = try configuration(
      #""head_dim": 16, "max_position_embeddings": 32768, "rope_theta": 1e6, "rope_scaling": {"type": "yarn", "factor": 4}"#
    )
    let long = try configuration(
      #""head_dim": 16, "max_position_embeddings": 32768, "rope_theta": 1e6, "rope_scaling": {"type": "yarn", "factor": 4, "original_max_position_embeddings": 32768}"#
    )
    #expect(short.rotaries == long.rotaries)
  }

  @Test("An unknown architecture, activation, kind of layer or routing is refused by name, before any weight")
  func unknownParts() {
    func refuses(_ word: String, _ body: () throws -> ModelConfiguration) {
      #expect {
        try body()
      } throws: { error in
        (error as? LanguageModelError)?.code == .unsupported && "\(error)".contains(word)
      }
    }
    func named(_ architecture: String, _ rest: String = "") throws -> ModelConfiguration {
      let json = """
        {"architectures": ["\(architecture)"], "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
         "num_attention_heads": 4, "vocab_size": 32\(rest)}
        """
      return try ModelConfiguration(JSONValue.parse(Array(json.utf8)))
    }
    refuses("MambaForCausalLM") { try named("MambaForCausalLM") }
    refuses("relu2") { try configuration(#""hidden_act": "relu2""#) }
    refuses("quick_gelu") { try named("Gemma2ForCausalLM", #", "hidden_activation": "quick_gelu""#) }
    refuses("linear_attention") {
      try named("Qwen3ForCausalLM", #", "layer_types": ["linear_attention", "full_attention"]"#)
    }
    refuses("longrope") { try named("Phi3ForCausalLM", #", "rope_scaling": {"type": "linear", "factor": 2}"#) }
    refuses("hash") {
      try named(
        "DeepseekV2ForCausalLM",
        #", "kv_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 8, "n_routed_experts": 4, "moe_intermediate_size": 8, "num_experts_per_tok": 2, "topk_method": "hash""#
      )
    }
  }

  @Test("A key left out has the default of its class, a key that is null has none (as in transformers)")
  func classDefaults() throws {
    func named(_ architecture: String, _ rest: String = "") throws -> ModelConfiguration {
      let json = """
        {"architectures": ["\(architecture)"], "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
         "num_attention_heads": 8, "vocab_size": 32\(rest)}
        """
      return try ModelConfiguration(JSONValue.parse(Array(json.utf8)))
    }
    let mistral = try named("MistralForCausalLM")
    #expect(mistral.blocks[0].attention.window == 4096 && mistral.keyValueHeadCount == 8)
    #expect(try named("MistralForCausalLM", #", "sliding_window": null"#).blocks[0].attention.window == nil)
    let gemma = try named("Gemma2ForCausalLM")
    #expect(gemma.tiedEmbeddings && gemma.headDimension == 256 && gemma.keyValueHeadCount == 4)
    #expect(gemma.logitSoftCap == 30 && gemma.blocks[1].attention.softCap == 50)
    #expect(gemma.blocks.map(\.attention.window) == [4096, nil])
    let bare = try named("Gemma2ForCausalLM", #", "attn_logit_softcapping": null, "final_logit_softcapping": null"#)
    #expect(bare.logitSoftCap == nil && bare.blocks[1].attention.softCap == nil)
    #expect(try named("Phi3ForCausalLM").normEpsilon == 1e-5)
    #expect(try named("LlamaForCausalLM").normEpsilon == 1e-6)
    #expect(try named("Qwen3ForCausalLM").headDimension == 128)
    let mixtral = try named("MixtralForCausalLM")
    #expect(mixtral.experts == .init(blocks: 2, count: 8, perToken: 2, hasShared: false))
    #expect(mixtral.rotaries[0].theta == 1e6)
  }

  @Test("Impossible numbers are refused with their key")
  func impossibleNumbers() {
    for (key, value) in [
      ("num_hidden_layers", "0"), ("hidden_size", "-64"), ("vocab_size", "3.5"), ("head_dim", "15"),
      ("num_key_value_heads", "3"), ("rms_norm_eps", "0"), ("rope_theta", "-1"), ("hidden_size", "1e30"),
      ("partial_rotary_factor", "0.03"), ("num_hidden_layers", "2000000000"),
      ("intermediate_size", "9000000000000000000"),
      ("num_attention_heads", "4194304"),
    ] {
      #expect("\(key) \(value)") {
        try configuration("\"\(key)\": \(value)")
      } throws: { error in
        (error as? LanguageModelError)?.code == .badConfiguration
      }
    }
  }

  @Test("head_dim is what the file says, or hidden/heads where it says nothing (case M06)")
  func headDimension() throws {
    #expect(try configuration(#""head_dim": 32"#).headDimension == 32)
    #expect(try configuration(#""head_dim": null"#).headDimension == 16)
    #expect(try configuration().headDimension == 16)
  }

  @Test("End ids are the union of both files; an id, a list and null are accepted (case M08)")
  func endTokens() throws {
    let json = try JSONValue.parse(
      Array(
        #"{"architectures":["LlamaForCausalLM"],"hidden_size":64,"intermediate_size":96,"num_hidden_layers":1,"num_attention_heads":4,"vocab_size":32,"eos_token_id":2}"#
          .utf8))
    let generation = try JSONValue.parse(Array(#"{"eos_token_id":[0,5]}"#.utf8))
    #expect(try ModelConfiguration(json, generation: generation).endTokenIDs == [0, 2, 5])
    #expect(try ModelConfiguration(json).endTokenIDs == [2])
    #expect(try configuration(#""eos_token_id": null"#).endTokenIDs.isEmpty)
  }

  @Test("A missing key is named")
  func missingKey() {
    #expect { try configuration(removing: "hidden_size") } throws: { "\($0)".contains("hidden_size") }
  }
}
