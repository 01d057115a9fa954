import JSONReader
import Tensors

/// `llama`: Llama itself, Mistral, and with experts Mixtral. The rows of queries and keys are interleaved.
struct GGUFLlama: GGUFArchitecture {
  private let dimensions: GGUFDimensions
  private let scaling: JSONValue
  private let slidingWindow: Int?
  private let experts: GGUFExperts?
  private let hasAttentionBias: Bool
  private let hasFeedForwardBias: Bool

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    scaling = try GGUFRotaryScaling(parameters, dimensions).scaling
    slidingWindow = try parameters.optionalSize("attention.sliding_window")
    experts = try GGUFExperts(parameters)
    hasAttentionBias = parameters.file.contains("blk.0.attn_q.bias")
    hasFeedForwardBias = parameters.file.contains("blk.0.ffn_gate.bias")
    try dimensions.requireFullRotation(parameters)
  }

  var className: String {
    if experts != nil { return "MixtralForCausalLM" }
    return slidingWindow == nil ? "LlamaForCausalLM" : "MistralForCausalLM"
  }

  var modelType: String {
    if experts != nil { return "mixtral" }
    return slidingWindow == nil ? "llama" : "mistral"
  }

  func addLayer(_ layer: GGUFLayerPlan) throws {
    try layer.addAttention(dimensions, bias: hasAttentionBias, outputBias: hasAttentionBias, isInterleaved: true)
    try layer.add("ffn_norm", "post_attention_layernorm", [dimensions.hiddenSize])
    if let experts {
      let names = GGUFExperts.Names(
        router: "block_sparse_moe.gate", experts: "block_sparse_moe.experts", "w1", "w3", "w2")
      try layer.addExperts(experts, names, dimensions)
    } else {
      try layer.addFeedForward(dimensions, bias: hasFeedForwardBias)
    }
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    var members: [(key: String, value: JSONValue)] = [
      ("head_dim", .integer(dimensions.headDimension)), ("hidden_act", "silu"), ("rope_scaling", scaling),
    ]
    if let experts {
      members += [
        ("intermediate_size", .integer(experts.width)), ("num_experts_per_tok", .integer(experts.usedCount)),
        ("num_local_experts", .integer(experts.count)),
      ]
    } else {
      members += [("attention_bias", .bool(hasAttentionBias)), ("mlp_bias", .bool(hasFeedForwardBias))]
    }
    if experts != nil || slidingWindow != nil {
      members.append(("sliding_window", slidingWindow.map(JSONValue.integer) ?? .null))
    }
    return members
  }
}
