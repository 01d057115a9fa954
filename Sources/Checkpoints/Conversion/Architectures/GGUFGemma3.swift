import JSONReader
import Tensors

/// `gemma3` (its text part): as Gemma 2 with normalised heads, and five layers with a sliding window to one without.
struct GGUFGemma3: GGUFArchitecture {
  /// Files of this architecture state no pattern unless it differs from this one.
  private static let defaultPattern = 6

  private let dimensions: GGUFDimensions
  private let scaling: JSONValue
  private let localTheta: Double
  private let logitCap: Double?
  private let slidingWindow: Int?
  private let isSliding: [Bool]
  private let queryScale: Int

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    scaling = try GGUFRotaryScaling(parameters, dimensions).scaling
    localTheta = try parameters.positiveNumber("rope.freq_base_swa") ?? 10000
    logitCap = try parameters.positiveNumber("final_logit_softcapping")
    let window = try parameters.optionalSize("attention.sliding_window")
    slidingWindow = window
    let list = parameters["attention.sliding_window_pattern"]?.arrayValue?.booleans
    let pattern = try list == nil ? parameters.size("attention.sliding_window_pattern") ?? Self.defaultPattern : 1
    isSliding = (0..<dimensions.layerCount).map { layer in
      guard window != nil else { return false }
      if let list { return layer < list.count && list[layer] }
      return (layer + 1) % pattern != 0
    }
    queryScale = try dimensions.gemmaQueryScale(parameters, largestLayerCount: 62)
    try dimensions.requireFullRotation(parameters)
  }

  let className = "Gemma3ForCausalLM"
  let modelType = "gemma3_text"
  let normChange = GGUFWeight.Change.minusOne

  func addLayer(_ layer: GGUFLayerPlan) throws {
    try layer.addAttention(dimensions, normalizesHeads: true, normChange: .minusOne)
    try layer.addGemmaFeedForward(dimensions)
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    // The older spelling of the layers' types, for which all that counts is the distance of full attention.
    let pattern = (isSliding.firstIndex(of: false) ?? Self.defaultPattern - 1) + 1
    return [
      ("attention_bias", false), ("attn_logit_softcapping", .null),
      ("final_logit_softcapping", logitCap.map(JSONValue.number) ?? .null),
      ("head_dim", .integer(dimensions.headDimension)), ("hidden_activation", "gelu_pytorch_tanh"),
      ("layer_types", .array(isSliding.map { $0 ? "sliding_attention" : "full_attention" })),
      ("query_pre_attn_scalar", .integer(queryScale)), ("rope_local_base_freq", .number(localTheta)),
      ("rope_scaling", scaling), ("sliding_window", .integer(slidingWindow ?? dimensions.contextLength)),
      ("sliding_window_pattern", .integer(pattern)),
    ]
  }
}
