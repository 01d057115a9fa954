import JSONReader
import Tensors

/// `qwen2` and `qwen2moe`: biases on queries, keys and values; with experts, also one that sees every token behind a gate.
struct GGUFQwen2: GGUFArchitecture {
  private let dimensions: GGUFDimensions
  private let scaling: JSONValue
  private let mixture: Mixture?

  private struct Mixture {
    let experts: GGUFExperts
    let sharedWidth: Int
    let normalizesWeights: Bool
  }

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    scaling = try GGUFRotaryScaling(parameters, dimensions).scaling
    mixture = parameters.architecture == "qwen2moe" ? try Self.mixture(parameters) : nil
    try dimensions.requireFullRotation(parameters)
  }

  private static func mixture(_ parameters: GGUFHyperparameters) throws -> Mixture {
    let shared = parameters.file.tensors.first { $0.name.hasSuffix(".ffn_gate_shexp.weight") }
    guard
      let sharedWidth = try parameters.size("expert_shared_feed_forward_length") ?? shared?.shape.dimensions.first
    else { throw parameters.missing("expert_shared_feed_forward_length") }
    return Mixture(
      experts: try GGUFExperts(required: parameters), sharedWidth: sharedWidth,
      normalizesWeights: parameters["expert_weights_norm"]?.boolValue ?? false)
  }

  var className: String { mixture == nil ? "Qwen2ForCausalLM" : "Qwen2MoeForCausalLM" }
  var modelType: String { mixture == nil ? "qwen2" : "qwen2_moe" }

  func addLayer(_ layer: GGUFLayerPlan) throws {
    let hidden = dimensions.hiddenSize
    try layer.addAttention(dimensions, bias: true)
    try layer.add("ffn_norm", "post_attention_layernorm", [hidden])
    guard let mixture else { return try layer.addFeedForward(dimensions) }
    try layer.addExperts(mixture.experts, .mlp, dimensions)
    try layer.add("ffn_gate_shexp", "mlp.shared_expert.gate_proj", [mixture.sharedWidth, hidden])
    try layer.add("ffn_up_shexp", "mlp.shared_expert.up_proj", [mixture.sharedWidth, hidden])
    try layer.add("ffn_down_shexp", "mlp.shared_expert.down_proj", [hidden, mixture.sharedWidth])
    try layer.add("ffn_gate_inp_shexp", "mlp.shared_expert_gate", [1, hidden])
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    var members: [(key: String, value: JSONValue)] = [
      ("head_dim", .integer(dimensions.headDimension)), ("hidden_act", "silu"), ("rope_scaling", scaling),
      ("use_sliding_window", false),
    ]
    if let mixture {
      members += mixture.experts.members(normalizesWeights: mixture.normalizesWeights)
      members.append(("shared_expert_intermediate_size", .integer(mixture.sharedWidth)))
    }
    return members
  }
}
