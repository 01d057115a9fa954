import JSONReader

/// Phi-3, Phi-3.5 and Phi-4: fused projections, part of each head turned, LongRoPE.
enum Phi3: Architecture {
  static let classes = ["Phi3ForCausalLM"]
  static let defaults: [String: JSONValue] = ["rms_norm_eps": .number(1e-5)]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    var attention = model.groupedAttention(.fused)
    attention.window = try reader.optionalCount("sliding_window")
    var feedForward = try model.gatedFeedForward(reader)
    feedForward.names = .fused
    let rotary = try RotaryConfiguration(reader, headDimension: model.headDimension)
    switch rotary.scaling {
    case .none, .longRope: model.rotaries = [rotary]
    default:
      throw LanguageModelError(.unsupported, "config.json: \(model.architecture) knows no rotary scaling but longrope")
    }
    let block = BlockConfiguration(attention: attention, feedForward: .gated(feedForward))
    model.blocks = Array(repeating: block, count: model.layerCount)
  }
}
