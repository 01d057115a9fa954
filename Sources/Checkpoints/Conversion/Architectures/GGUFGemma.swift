import JSONReader
import Tensors

/// `gemma`: the first Gemma. Norms are stored as they are multiplied, one more than on the hub.
struct GGUFGemma: GGUFArchitecture {
  private let dimensions: GGUFDimensions
  private let scaling: JSONValue

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    scaling = try GGUFRotaryScaling(parameters, dimensions).scaling
    try dimensions.requireFullRotation(parameters)
  }

  let className = "GemmaForCausalLM"
  let modelType = "gemma"
  let normChange = GGUFWeight.Change.minusOne

  func addLayer(_ layer: GGUFLayerPlan) throws {
    try layer.addAttention(dimensions, normChange: .minusOne)
    try layer.add("ffn_norm", "post_attention_layernorm", [dimensions.hiddenSize], .minusOne)
    try layer.addFeedForward(dimensions)
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    [
      ("attention_bias", false), ("head_dim", .integer(dimensions.headDimension)),
      ("hidden_act", "gelu_pytorch_tanh"), ("hidden_activation", "gelu_pytorch_tanh"),
      ("rope_scaling", scaling),
    ]
  }
}
