import JSONReader
import Tensors

/// `phi3`: Phi 3, 3.5 and 4; queries, keys and values are one matrix, as are gate and up.
struct GGUFPhi3: GGUFArchitecture {
  private let dimensions: GGUFDimensions
  private let scaling: GGUFRotaryScaling
  private let slidingWindow: Int?

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    scaling = try GGUFRotaryScaling(parameters, dimensions)
    slidingWindow = try parameters.optionalSize("attention.sliding_window")
  }

  let className = "Phi3ForCausalLM"
  let modelType = "phi3"

  func addLayer(_ layer: GGUFLayerPlan) throws {
    let (hidden, width) = (dimensions.hiddenSize, dimensions.feedForwardSize)
    try layer.add("attn_norm", "input_layernorm", [hidden])
    try layer.add("attn_qkv", "self_attn.qkv_proj", [dimensions.queries + 2 * dimensions.keys, hidden])
    try layer.add("attn_output", "self_attn.o_proj", [hidden, dimensions.queries])
    try layer.add("ffn_norm", "post_attention_layernorm", [hidden])
    try layer.add("ffn_up", "mlp.gate_up_proj", [2 * width, hidden])
    try layer.add("ffn_down", "mlp.down_proj", [hidden, width])
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    let rotaryShare = Double(dimensions.rotaryDimension) / Double(dimensions.headDimension)
    return [
      ("hidden_act", "silu"),
      ("original_max_position_embeddings", .integer(scaling.originalContext ?? dimensions.contextLength)),
      ("partial_rotary_factor", .number(rotaryShare)), ("rope_scaling", scaling.scaling),
      ("sliding_window", slidingWindow.map(JSONValue.integer) ?? .null),
    ]
  }
}
