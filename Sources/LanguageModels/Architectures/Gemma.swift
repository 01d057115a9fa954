import JSONReader

/// Gemma: norms around one, scaled embeddings, a Gaussian gate.
enum Gemma: Architecture {
  static let classes = ["GemmaForCausalLM"]
  static let defaults: [String: JSONValue] = ["tie_word_embeddings": .bool(true), "head_dim": .integer(256)]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    applyRules(&model)
    let bias = try reader.flag("attention_bias") ?? false
    var attention = model.groupedAttention(.separate(bias: bias))
    attention.outputBias = bias
    model.rotaries = [try RotaryConfiguration(reader, headDimension: model.headDimension)]
    let block = BlockConfiguration(attention: attention, feedForward: .gated(try feedForward(model, reader)))
    model.blocks = Array(repeating: block, count: model.layerCount)
  }

  /// What all generations share.
  fileprivate static func applyRules(_ model: inout ModelConfiguration) {
    model.normOffset = 1
    model.embeddingScale = Float(Double(model.hiddenSize).squareRoot())
  }

  fileprivate static func feedForward(
    _ model: ModelConfiguration, _ reader: ConfigurationReader
  ) throws -> GatedConfiguration {
    let key = reader["hidden_activation"] != nil ? "hidden_activation" : "hidden_act"
    // The first generation's files say "gelu" and mean the tanh form.
    let known: [String: Activation] = ["gelu_pytorch_tanh": .gelu, "gelu": .gelu, "gelu_new": .gelu]
    let activation = try reader.activation(key, known: known, default: .gelu)
    return GatedConfiguration(width: model.intermediateSize, activation: activation)
  }

  /// Attention of the second and third generation, before windows are set.
  fileprivate static func attention(
    _ model: ModelConfiguration, _ reader: ConfigurationReader
  ) throws -> AttentionConfiguration {
    let bias = try reader.flag("attention_bias") ?? false
    var attention = model.groupedAttention(.separate(bias: bias))
    attention.outputBias = bias
    attention.scale = Float(1 / (try reader.optionalPositive("query_pre_attn_scalar") ?? 256).squareRoot())
    attention.softCap = try reader.optionalPositive("attn_logit_softcapping").map { Float($0) }
    return attention
  }

  /// A block with norms on both sides of attention and feed-forward.
  fileprivate static func sandwich(
    _ attention: AttentionConfiguration, _ feedForward: GatedConfiguration
  ) -> BlockConfiguration {
    var block = BlockConfiguration(attention: attention, feedForward: .gated(feedForward))
    block.attentionOutputNorm = "post_attention_layernorm"
    block.feedForwardNorm = "pre_feedforward_layernorm"
    block.feedForwardOutputNorm = "post_feedforward_layernorm"
    return block
  }
}

/// Gemma 2: soft caps, norms on both sides, every other block with a sliding window.
enum Gemma2: Architecture {
  static let classes = ["Gemma2ForCausalLM"]
  static let defaults: [String: JSONValue] = [
    "tie_word_embeddings": .bool(true), "head_dim": .integer(256), "num_key_value_heads": .integer(4),
    "sliding_window": .integer(4096), "attn_logit_softcapping": .number(50), "final_logit_softcapping": .number(30),
  ]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    Gemma.applyRules(&model)
    model.logitSoftCap = try reader.optionalPositive("final_logit_softcapping").map { Float($0) }
    let attention = try Gemma.attention(model, reader)
    let feedForward = try Gemma.feedForward(model, reader)
    let window = try reader.optionalCount("sliding_window")
    model.rotaries = [try RotaryConfiguration(reader, headDimension: model.headDimension)]
    model.blocks = try reader.isSliding(blocks: model.layerCount) { $0 % 2 == 0 }.map { isSliding in
      var attention = attention
      attention.window = isSliding ? window : nil
      return Gemma.sandwich(attention, feedForward)
    }
  }
}

/// Gemma 3 text models, and the text part of those that also see: head norms, a rotary base of its own for blocks with a
/// window.
enum Gemma3: Architecture {
  static let classes = ["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"]
  static let defaults: [String: JSONValue] = [
    "tie_word_embeddings": .bool(true), "head_dim": .integer(256), "num_key_value_heads": .integer(4),
    "sliding_window": .integer(4096),
  ]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    Gemma.applyRules(&model)
    if try reader.flag("use_bidirectional_attention") == true {
      throw LanguageModelError(.unsupported, "config.json: use_bidirectional_attention makes no text generator")
    }
    model.logitSoftCap = try reader.optionalPositive("final_logit_softcapping").map { Float($0) }
    var attention = try Gemma.attention(model, reader)
    attention.hasHeadNorms = true
    let feedForward = try Gemma.feedForward(model, reader)
    let window = try reader.optionalCount("sliding_window")
    model.rotaries = try rotaries(model, reader)
    let pattern = try reader.optionalCount("sliding_window_pattern") ?? 6
    model.blocks = try reader.isSliding(blocks: model.layerCount) { ($0 + 1) % pattern != 0 }.map { isSliding in
      var attention = attention
      attention.window = isSliding ? window : nil
      attention.rotary = isSliding ? 1 : 0
      return Gemma.sandwich(attention, feedForward)
    }
  }

  /// The embedding of blocks that see everything, and that of blocks with a window.
  private static func rotaries(
    _ model: ModelConfiguration, _ reader: ConfigurationReader
  ) throws -> [RotaryConfiguration] {
    let dimension = model.headDimension
    let full = try RotaryConfiguration(
      reader, layerType: "full_attention", headDimension: dimension, defaultTheta: 1_000_000)
    if reader["rope_parameters"]?["sliding_attention"] != nil {
      return [
        full,
        try RotaryConfiguration(
          reader, layerType: "sliding_attention", headDimension: dimension, defaultTheta: 10000),
      ]
    }
    let local = try reader.optionalPositive("rope_local_base_freq") ?? 10000
    return [full, try RotaryConfiguration(theta: local, dimension: dimension, scaling: .none)]
  }
}
