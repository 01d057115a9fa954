import JSONReader

/// DeepSeek-V2 and V3 (and R1): latent attention, shared and routed experts, YaRN.
enum DeepSeek: Architecture {
  static let classes = ["DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM"]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    let isV3 = model.architecture == "DeepseekV3ForCausalLM"
    let latent = LatentConfiguration(
      queryRank: try reader.optionalCount("q_lora_rank"), keyValueRank: try reader.count("kv_lora_rank"),
      plainDimension: try reader.count("qk_nope_head_dim"), rotaryDimension: try reader.count("qk_rope_head_dim"),
      valueDimension: try reader.count("v_head_dim"), bias: try reader.flag("attention_bias") ?? false,
      isInterleaved: isV3 ? try reader.flag("rope_interleave") ?? true : true)
    var attention = AttentionConfiguration(
      headCount: model.headCount, keyValueHeadCount: model.headCount,
      headDimension: latent.plainDimension + latent.rotaryDimension, projections: .latent(latent))
    attention.outputBias = latent.bias
    let rotary = try RotaryConfiguration(reader, headDimension: latent.rotaryDimension)
    if case .yarn(let yarn) = rotary.scaling { attention.scale *= Float(yarn.scoreFactor) }
    model.rotaries = [rotary]
    var gated = try model.gatedFeedForward(reader)
    if !isV3 { gated.bias = try reader.flag("mlp_bias") ?? false }
    let firstSparse = try reader.optionalNatural("first_k_dense_replace") ?? (isV3 ? 3 : 0)
    let step = try reader.optionalCount("moe_layer_freq") ?? 1
    let experts =
      firstSparse < model.layerCount && reader["n_routed_experts"] != nil
      ? try experts(model, reader, isV3: isV3, gated: gated) : nil
    model.blocks = (0..<model.layerCount).map { block in
      let isSparse = block >= firstSparse && block % step == 0
      let feedForward = isSparse ? experts.map(FeedForwardConfiguration.experts) : nil
      return BlockConfiguration(attention: attention, feedForward: feedForward ?? .gated(gated))
    }
  }

  private static func experts(
    _ model: ModelConfiguration, _ reader: ConfigurationReader, isV3: Bool, gated: GatedConfiguration
  ) throws -> ExpertsConfiguration {
    var expert = gated
    expert.width = try reader.count("moe_intermediate_size")
    expert.path = "mlp.experts"
    var experts = ExpertsConfiguration(
      routing: try routing(reader, isV3: isV3), routerPath: "mlp.gate", expert: expert)
    if let count = try reader.optionalNatural("n_shared_experts"), count > 0 {
      var shared = gated
      shared.width = expert.width * count
      shared.path = "mlp.shared_experts"
      experts.shared = shared
    }
    return experts
  }

  private static func routing(_ reader: ConfigurationReader, isV3: Bool) throws -> RoutingConfiguration {
    var routing = try RoutingConfiguration(
      expertCount: reader.count("n_routed_experts"), expertsPerToken: reader.count("num_experts_per_tok"))
    routing.scale = Float(try reader.optionalPositive("routed_scaling_factor") ?? (isV3 ? 2.5 : 1))
    let method = reader["topk_method"]?.stringValue ?? (isV3 ? "noaux_tc" : "greedy")
    let scoring = reader["scoring_func"]?.stringValue ?? (isV3 ? "sigmoid" : "softmax")
    switch (isV3, method, scoring) {
    case (false, "greedy", "softmax"):
      return routing
    case (false, "group_limited_greedy", "softmax"):
      break
    case (true, "noaux_tc", "sigmoid"):
      routing.scoring = .sigmoid
      routing.hasBias = true
      routing.groupRanking = .bestTwo
      routing.normalizesWeights = try reader.flag("norm_topk_prob") ?? true
    default:
      throw LanguageModelError(
        .unsupported, "config.json: routing by \"\(method)\" of \"\(scoring)\" scores is not supported")
    }
    routing.groupCount = try reader.optionalCount("n_group") ?? (isV3 ? 8 : 1)
    routing.groupsPerToken = try reader.optionalCount("topk_group") ?? (isV3 ? 4 : 1)
    guard routing.expertCount % routing.groupCount == 0, routing.groupsPerToken <= routing.groupCount else {
      throw LanguageModelError(
        .badConfiguration,
        "config.json: \(routing.expertCount) experts do not fall into n_group \(routing.groupCount) with topk_group "
          + "\(routing.groupsPerToken)")
    }
    return routing
  }
}
