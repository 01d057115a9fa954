import JSONReader
import Tensors

/// `deepseek2`: DeepSeek V2 and V3 with latent attention (MLA), the first layers dense, experts in groups.
struct GGUFDeepseek2: GGUFArchitecture {
  private enum Gating {
    static let softmax = 1
    static let sigmoid = 2
  }

  private let dimensions: GGUFDimensions
  private let scaling: JSONValue
  private let experts: GGUFExperts?
  private let denseLayerCount: Int
  private let sharedExperts: Int
  private let groupCount: Int
  private let usedGroupCount: Int
  private let weightScale: Double
  private let normalizesWeights: Bool
  private let usesSigmoid: Bool
  private let queryRank: Int?
  private let latentRank: Int
  private let rotaryWidth: Int
  /// Width of the part of queries and keys that is not turned.
  private let plainWidth: Int
  private let valueWidth: Int
  let notes: [String]

  init(_ parameters: GGUFHyperparameters, _ dimensions: GGUFDimensions) throws {
    self.dimensions = dimensions
    let file = parameters.file
    scaling = try GGUFRotaryScaling(parameters, dimensions).scaling
    experts = try GGUFExperts(parameters)
    denseLayerCount = try parameters.optionalSize("leading_dense_block_count") ?? 0
    sharedExperts = try parameters.optionalSize("expert_shared_count") ?? 0
    let groups = try parameters.size("expert_group_count")
    groupCount = groups ?? 1
    usedGroupCount = try parameters.size("expert_group_used_count") ?? 1
    weightScale = try parameters.positiveNumber("expert_weights_scale") ?? 1
    normalizesWeights = parameters["expert_weights_norm"]?.boolValue ?? false
    let gating = try parameters.size("expert_gating_func") ?? Gating.softmax
    usesSigmoid = gating == Gating.sigmoid
    guard usesSigmoid || gating == Gating.softmax else {
      throw CheckpointError(.unsupported, "\(file.path): expert_gating_func \(gating) is not converted")
    }
    queryRank = try parameters.size("attention.q_lora_rank")
    latentRank = try parameters.requiredSize("attention.kv_lora_rank")
    rotaryWidth = try parameters.requiredSize("rope.dimension_count")
    // Older files state the widths of the heads themselves under the plain keys.
    let keyWidth =
      try parameters.size("attention.key_length_mla") ?? parameters.requiredSize("attention.key_length")
    valueWidth =
      try parameters.size("attention.value_length_mla") ?? parameters.requiredSize("attention.value_length")
    guard keyWidth > rotaryWidth, rotaryWidth % 2 == 0, sharedExperts <= 1 << 10 else {
      throw CheckpointError(
        .malformedFile, "\(file.path): keys of \(keyWidth) cannot have \(rotaryWidth) rotary dimensions")
    }
    plainWidth = keyWidth - rotaryWidth
    notes =
      experts != nil && groups == nil
      ? ["the file does not say in how many groups its experts are; n_group is 1 in config.json"] : []
  }

  var className: String { usesSigmoid ? "DeepseekV3ForCausalLM" : "DeepseekV2ForCausalLM" }
  var modelType: String { usesSigmoid ? "deepseek_v3" : "deepseek_v2" }

  func addLayer(_ layer: GGUFLayerPlan) throws {
    let hidden = dimensions.hiddenSize
    try layer.add("attn_norm", "input_layernorm", [hidden])
    try addAttention(layer)
    try layer.add("ffn_norm", "post_attention_layernorm", [hidden])
    guard let experts, layer.hasExperts else { return try layer.addFeedForward(dimensions) }
    try layer.addExperts(experts, .mlp, dimensions)
    if usesSigmoid {
      try layer.addFloat32("exp_probs_b.bias", "mlp.gate.e_score_correction_bias", [experts.count])
    }
    if sharedExperts > 0 {
      let width = sharedExperts * experts.width
      try layer.add("ffn_gate_shexp", "mlp.shared_experts.gate_proj", [width, hidden])
      try layer.add("ffn_up_shexp", "mlp.shared_experts.up_proj", [width, hidden])
      try layer.add("ffn_down_shexp", "mlp.shared_experts.down_proj", [hidden, width])
    }
  }

  private func addAttention(_ layer: GGUFLayerPlan) throws {
    let (hidden, heads) = (dimensions.hiddenSize, dimensions.headCount)
    let queries = heads * (plainWidth + rotaryWidth)
    if let queryRank {
      try layer.add("attn_q_a", "self_attn.q_a_proj", [queryRank, hidden])
      try layer.add("attn_q_a_norm", "self_attn.q_a_layernorm", [queryRank])
      try layer.add("attn_q_b", "self_attn.q_b_proj", [queries, queryRank])
    } else {
      try layer.add("attn_q", "self_attn.q_proj", [queries, hidden])
    }
    try layer.add("attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa", [latentRank + rotaryWidth, hidden])
    try layer.add("attn_kv_a_norm", "self_attn.kv_a_layernorm", [latentRank])
    let keysAndValues: Shape = [heads * (plainWidth + valueWidth), latentRank]
    if layer.contains("attn_kv_b.weight") {
      try layer.add("attn_kv_b", "self_attn.kv_b_proj", keysAndValues)
    } else {
      try layer.addLatentHeads(
        keys: [heads, latentRank, plainWidth], values: [heads, valueWidth, latentRank], keysAndValues)
    }
    try layer.add("attn_output", "self_attn.o_proj", [hidden, heads * valueWidth])
  }

  func configuration() throws -> [(key: String, value: JSONValue)] {
    var members: [(key: String, value: JSONValue)] = [
      ("attention_bias", false), ("hidden_act", "silu"), ("kv_lora_rank", .integer(latentRank)),
      ("num_key_value_heads", .integer(dimensions.headCount)),
      ("q_lora_rank", queryRank.map(JSONValue.integer) ?? .null), ("qk_nope_head_dim", .integer(plainWidth)),
      ("qk_rope_head_dim", .integer(rotaryWidth)), ("rope_scaling", scaling), ("v_head_dim", .integer(valueWidth)),
    ]
    guard let experts else { return members + [("first_k_dense_replace", .integer(dimensions.layerCount))] }
    let method = groupCount > 1 ? "group_limited_greedy" : "greedy"
    members += [
      ("first_k_dense_replace", .integer(denseLayerCount)), ("moe_intermediate_size", .integer(experts.width)),
      ("moe_layer_freq", 1), ("n_group", .integer(groupCount)), ("n_routed_experts", .integer(experts.count)),
      ("n_shared_experts", sharedExperts > 0 ? .integer(sharedExperts) : .null),
      ("norm_topk_prob", .bool(normalizesWeights)), ("num_experts_per_tok", .integer(experts.usedCount)),
      ("routed_scaling_factor", .number(weightScale)), ("scoring_func", usesSigmoid ? "sigmoid" : "softmax"),
      ("topk_group", .integer(usedGroupCount)), ("topk_method", usesSigmoid ? "noaux_tc" : .string(method)),
    ]
    return members
  }
}
