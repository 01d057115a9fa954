import JSONReader
import Tensors

/// `gemma2`: norms before and after each part, bounded logits, every second layer with a sliding window.
struct GGUFGemma2: GGUFArchitecture {
  private let dimensions: GGUFDimensions
  private let attentionCap: Double?
  private let logitCap: Double?
  private let slidingWindow: Int
  private let queryScale: Int
  private let scaling: JSONValue

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    scaling = try GGUFRotaryScaling(parameters, dimensions).scaling
    attentionCap = try parameters.positiveNumber("attn_logit_softcapping")
    logitCap = try parameters.positiveNumber("final_logit_softcapping")
    slidingWindow = try parameters.size("attention.sliding_window") ?? 4096
    queryScale = try dimensions.gemmaQueryScale(parameters, largestLayerCount: 46)
    try dimensions.requireFullRotation(parameters)
  }

  let className = "Gemma2ForCausalLM"
  let modelType = "gemma2"
  let normChange = GGUFWeight.Change.minusOne

  func addLayer(_ layer: GGUFLayerPlan) throws {
    try layer.addAttention(dimensions, normChange: .minusOne)
    try layer.addGemmaFeedForward(dimensions)
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    [
      ("attention_bias", false), ("attn_logit_softcapping", attentionCap.map(JSONValue.number) ?? .null),
      ("final_logit_softcapping", logitCap.map(JSONValue.number) ?? .null),
      ("head_dim", .integer(dimensions.headDimension)), ("hidden_act", "gelu_pytorch_tanh"),
      ("hidden_activation", "gelu_pytorch_tanh"), ("query_pre_attn_scalar", .integer(queryScale)),
      ("rope_scaling", scaling),
      ("sliding_window", .integer(slidingWindow)),
    ]
  }
}

extension GGUFDimensions {
  /// `query_pre_attn_scalar`: the head's width, but for the largest model (27B) the share of a head in the hidden size.
  /// Files do not state it; ggml knows that model by its number of layers, so it is known the same way here.
  func gemmaQueryScale(_ parameters: GGUFHyperparameters, largestLayerCount: Int) throws -> Int {
    if let scale = try parameters.positiveNumber("attention.scale"),
      let inverse = Int(exactly: (1 / (scale * scale)).rounded())
    {
      return inverse
    }
    return layerCount == largestLayerCount ? hiddenSize / headCount : headDimension
  }
}

extension GGUFLayerPlan {
  /// The feed-forward part of Gemma 2 and 3, with norms after attention and around itself.
  func addGemmaFeedForward(_ dimensions: GGUFDimensions) throws {
    let hidden = dimensions.hiddenSize
    try add("post_attention_norm", "post_attention_layernorm", [hidden], .minusOne)
    try add("ffn_norm", "pre_feedforward_layernorm", [hidden], .minusOne)
    try addFeedForward(dimensions)
    try add("post_ffw_norm", "post_feedforward_layernorm", [hidden], .minusOne)
  }
}
