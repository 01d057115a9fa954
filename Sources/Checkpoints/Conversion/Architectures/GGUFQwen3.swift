import JSONReader
import Tensors

/// `qwen3` and `qwen3moe`: heads of queries and keys are normalised; the weights of routed experts sum to 1.
struct GGUFQwen3: GGUFArchitecture {
  private let dimensions: GGUFDimensions
  private let scaling: JSONValue
  private let experts: GGUFExperts?
  private let hasBias: Bool
  private let normalizesWeights: Bool

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    scaling = try GGUFRotaryScaling(parameters, dimensions).scaling
    experts = parameters.architecture == "qwen3moe" ? try GGUFExperts(required: parameters) : nil
    hasBias = parameters.file.contains("blk.0.attn_q.bias")
    normalizesWeights = parameters["expert_weights_norm"]?.boolValue ?? true
    try dimensions.requireFullRotation(parameters)
  }

  var className: String { experts == nil ? "Qwen3ForCausalLM" : "Qwen3MoeForCausalLM" }
  var modelType: String { experts == nil ? "qwen3" : "qwen3_moe" }

  func addLayer(_ layer: GGUFLayerPlan) throws {
    try layer.addAttention(dimensions, bias: hasBias, outputBias: hasBias, normalizesHeads: true)
    try layer.add("ffn_norm", "post_attention_layernorm", [dimensions.hiddenSize])
    if let experts {
      try layer.addExperts(experts, .mlp, dimensions)
    } else {
      try layer.addFeedForward(dimensions)
    }
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    (experts?.members(normalizesWeights: normalizesWeights) ?? []) + [
      ("attention_bias", .bool(hasBias)), ("head_dim", .integer(dimensions.headDimension)), ("hidden_act", "silu"),
      ("rope_scaling", scaling), ("use_sliding_window", false),
    ]
  }
}
