import JSONReader
import Tensors

/// `qwen2`: Qwen 2 and 2.5; queries, keys and values have a bias.
struct GGUFQwen2: GGUFArchitecture {
  private let dimensions: GGUFDimensions
  private let scaling: JSONValue

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    scaling = try GGUFRotaryScaling(parameters, dimensions).scaling
    try dimensions.requireFullRotation(parameters)
  }

  let className = "Qwen2ForCausalLM"
  let modelType = "qwen2"

  func addLayer(_ layer: GGUFLayerPlan) throws {
    try layer.addAttention(dimensions, bias: true)
    try layer.add("ffn_norm", "post_attention_layernorm", [dimensions.hiddenSize])
    try layer.addFeedForward(dimensions)
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    [
      ("head_dim", .integer(dimensions.headDimension)), ("hidden_act", "silu"), ("rope_scaling", scaling),
      ("use_sliding_window", false),
    ]
  }
}
