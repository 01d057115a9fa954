import JSONReader

/// Qwen2 and Qwen2.5: biases on query, key and value; later blocks may have a sliding window.
enum Qwen2: Architecture {
  static let classes = ["Qwen2ForCausalLM"]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    try Qwen.completeDense(&model, reader, model.groupedAttention(.separate(bias: true)))
  }
}

/// Qwen3: queries and keys normalised head by head, no biases.
enum Qwen3: Architecture {
  static let classes = ["Qwen3ForCausalLM"]
  static let defaults: [String: JSONValue] = ["head_dim": .integer(128)]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    try Qwen.completeDense(&model, reader, Qwen.normalizedAttention(model, reader))
  }
}

/// Qwen1.5-MoE and Qwen2-MoE: routed experts and a shared one behind a sigmoid gate.
enum Qwen2Experts: Architecture {
  static let classes = ["Qwen2MoeForCausalLM"]
  static let defaults: [String: JSONValue] = [
    "sliding_window": .integer(4096), "moe_intermediate_size": .integer(1408),
    "shared_expert_intermediate_size": .integer(5632), "num_experts_per_tok": .integer(4), "num_experts": .integer(60),
  ]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    let attention = model.groupedAttention(.separate(bias: try reader.flag("qkv_bias") ?? true))
    var experts = try Qwen.experts(reader, count: reader.count("num_experts"))
    var shared = GatedConfiguration(
      width: try reader.count("shared_expert_intermediate_size"), activation: experts.expert.activation)
    shared.path = "mlp.shared_expert"
    experts.shared = shared
    experts.sharedGatePath = "mlp.shared_expert_gate"
    model.rotaries = [try RotaryConfiguration(reader, headDimension: model.headDimension)]
    let window = try Qwen.window(reader)
    let last = try reader.optionalNatural("max_window_layers") ?? 28
    let isSliding = try reader.isSliding(blocks: model.layerCount) { $0 % 2 == 0 && $0 < last }
    let feedForwards = try Qwen.feedForwards(model, reader, experts)
    model.blocks = zip(feedForwards, isSliding).map { feedForward, isSliding in
      var attention = attention
      attention.window = isSliding ? window : nil
      return BlockConfiguration(attention: attention, feedForward: feedForward)
    }
  }
}

/// Qwen3-MoE: Qwen3's attention, routed experts, none shared.
enum Qwen3Experts: Architecture {
  static let classes = ["Qwen3MoeForCausalLM"]
  static let defaults: [String: JSONValue] = [
    "sliding_window": .integer(4096), "moe_intermediate_size": .integer(768), "num_experts_per_tok": .integer(8),
  ]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    var attention = try Qwen.normalizedAttention(model, reader)
    attention.window = try Qwen.window(reader)
    let count = try reader.optionalCount("num_experts") ?? reader.count("num_local_experts")
    let experts = try Qwen.experts(reader, count: count)
    model.rotaries = [try RotaryConfiguration(reader, headDimension: model.headDimension)]
    model.blocks = try Qwen.feedForwards(model, reader, experts).map {
      BlockConfiguration(attention: attention, feedForward: $0)
    }
  }
}

/// What the Qwen families share.
private enum Qwen {
  static func normalizedAttention(
    _ model: ModelConfiguration, _ reader: ConfigurationReader
  ) throws -> AttentionConfiguration {
    let bias = try reader.flag("attention_bias") ?? false
    var attention = model.groupedAttention(.separate(bias: bias))
    attention.outputBias = bias
    attention.hasHeadNorms = true
    return attention
  }

  /// The window in use, if one is at all.
  static func window(_ reader: ConfigurationReader) throws -> Int? {
    try reader.flag("use_sliding_window") == true ? reader.optionalCount("sliding_window") : nil
  }

  /// A model without experts, whose blocks have a window from block `max_window_layers` on.
  static func completeDense(
    _ model: inout ModelConfiguration, _ reader: ConfigurationReader, _ attention: AttentionConfiguration
  ) throws {
    let feedForward = FeedForwardConfiguration.gated(try model.gatedFeedForward(reader))
    let window = try window(reader)
    let first = try reader.optionalNatural("max_window_layers") ?? 28
    model.rotaries = [try RotaryConfiguration(reader, headDimension: model.headDimension)]
    model.blocks = try reader.isSliding(blocks: model.layerCount) { $0 >= first }.map { isSliding in
      var attention = attention
      attention.window = isSliding ? window : nil
      return BlockConfiguration(attention: attention, feedForward: feedForward)
    }
  }

  static func experts(_ reader: ConfigurationReader, count: Int) throws -> ExpertsConfiguration {
    var expert = GatedConfiguration(
      width: try reader.count("moe_intermediate_size"),
      activation: try reader.siluActivation())
    expert.path = "mlp.experts"
    var routing = try RoutingConfiguration(
      expertCount: count, expertsPerToken: try reader.count("num_experts_per_tok"))
    routing.normalizesWeights = try reader.flag("norm_topk_prob") ?? false
    return ExpertsConfiguration(routing: routing, routerPath: "mlp.gate", expert: expert)
  }

  /// Experts in every `decoder_sparse_step`th block, except those that `mlp_only_layers` names.
  static func feedForwards(
    _ model: ModelConfiguration, _ reader: ConfigurationReader, _ experts: ExpertsConfiguration
  ) throws -> [FeedForwardConfiguration] {
    let step = try reader.optionalCount("decoder_sparse_step") ?? 1
    let dense = Set((reader["mlp_only_layers"]?.arrayValue ?? []).compactMap(\.intValue))
    let gated = try model.gatedFeedForward(reader)
    return (0..<model.layerCount).map { block in
      !dense.contains(block) && (block + 1) % step == 0 ? .experts(experts) : .gated(gated)
    }
  }
}
