import JSONReader
import Tensors

/// `qwen2moe`: routed experts beside one gated expert that sees every token.
struct GGUFQwen2Moe: GGUFArchitecture {
  private let dimensions: GGUFDimensions
  private let scaling: JSONValue
  private let experts: GGUFExperts
  private let sharedWidth: Int
  private let normalizesWeights: Bool

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    scaling = try GGUFRotaryScaling(parameters, dimensions).scaling
    experts = try GGUFExperts(required: parameters)
    let shared = parameters.file.tensors.first { $0.name.hasSuffix(".ffn_gate_shexp.weight") }
    guard
      let sharedWidth = try parameters.size("expert_shared_feed_forward_length") ?? shared?.shape.dimensions.first
    else { throw parameters.missing("expert_shared_feed_forward_length") }
    self.sharedWidth = sharedWidth
    normalizesWeights = parameters["expert_weights_norm"]?.boolValue ?? false
    try dimensions.requireFullRotation(parameters)
  }

  let className = "Qwen2MoeForCausalLM"
  let modelType = "qwen2_moe"

  func addLayer(_ layer: GGUFLayerPlan) throws {
    let hidden = dimensions.hiddenSize
    try layer.addAttention(dimensions, bias: true)
    try layer.add("ffn_norm", "post_attention_layernorm", [hidden])
    try layer.addExperts(experts, .mlp, dimensions)
    try layer.add("ffn_gate_shexp", "mlp.shared_expert.gate_proj", [sharedWidth, hidden])
    try layer.add("ffn_up_shexp", "mlp.shared_expert.up_proj", [sharedWidth, hidden])
    try layer.add("ffn_down_shexp", "mlp.shared_expert.down_proj", [hidden, sharedWidth])
    try layer.add("ffn_gate_inp_shexp", "mlp.shared_expert_gate", [1, hidden])
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    experts.members(normalizesWeights: normalizesWeights) + [
      ("head_dim", .integer(dimensions.headDimension)), ("hidden_act", "silu"), ("rope_scaling", scaling),
      ("shared_expert_intermediate_size", .integer(sharedWidth)), ("use_sliding_window", false),
    ]
  }
}
