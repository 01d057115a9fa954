import JSONReader
import Tensors

/// `qwen3`: heads of queries and keys are normalised.
struct GGUFQwen3: GGUFArchitecture {
  private let dimensions: GGUFDimensions
  private let scaling: JSONValue
  private let hasBias: Bool

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    scaling = try GGUFRotaryScaling(parameters, dimensions).scaling
    hasBias = parameters.file.contains("blk.0.attn_q.bias")
    try dimensions.requireFullRotation(parameters)
  }

  let className = "Qwen3ForCausalLM"
  let modelType = "qwen3"

  func addLayer(_ layer: GGUFLayerPlan) throws {
    try layer.addAttention(dimensions, bias: hasBias, outputBias: hasBias, normalizesHeads: true)
    try layer.add("ffn_norm", "post_attention_layernorm", [dimensions.hiddenSize])
    try layer.addFeedForward(dimensions)
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    [
      ("attention_bias", .bool(hasBias)), ("head_dim", .integer(dimensions.headDimension)), ("hidden_act", "silu"),
      ("rope_scaling", scaling), ("use_sliding_window", false),
    ]
  }
}
