import JSONReader
import Tensors

/// `qwen3moe`: Qwen 3 with routed experts, whose weights sum to 1.
struct GGUFQwen3Moe: GGUFArchitecture {
  private let dimensions: GGUFDimensions
  private let scaling: JSONValue
  private let experts: GGUFExperts
  private let hasBias: Bool
  private let normalizesWeights: Bool

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    scaling = try GGUFRotaryScaling(parameters, dimensions).scaling
    experts = try GGUFExperts(required: parameters)
    hasBias = parameters.file.contains("blk.0.attn_q.bias")
    normalizesWeights = parameters["expert_weights_norm"]?.boolValue ?? true
    try dimensions.requireFullRotation(parameters)
  }

  let className = "Qwen3MoeForCausalLM"
  let modelType = "qwen3_moe"

  func addLayer(_ layer: GGUFLayerPlan) throws {
    try layer.addAttention(dimensions, bias: hasBias, outputBias: hasBias, normalizesHeads: true)
    try layer.add("ffn_norm", "post_attention_layernorm", [dimensions.hiddenSize])
    try layer.addExperts(experts, .mlp, dimensions)
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    experts.members(normalizesWeights: normalizesWeights) + [
      ("attention_bias", .bool(hasBias)), ("head_dim", .integer(dimensions.headDimension)), ("hidden_act", "silu"),
      ("rope_scaling", scaling), ("use_sliding_window", false),
    ]
  }
}
