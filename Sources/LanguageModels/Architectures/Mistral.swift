import JSONReader

/// Mistral: Llama without biases, and with a sliding window where the file asks for one.
enum Mistral: Architecture {
  static let classes = ["MistralForCausalLM"]
  static let defaults: [String: JSONValue] = ["num_key_value_heads": .integer(8), "sliding_window": .integer(4096)]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    var attention = model.groupedAttention(.separate(bias: false))
    attention.window = try reader.optionalCount("sliding_window")
    model.rotaries = [try RotaryConfiguration(reader, headDimension: model.headDimension)]
    let block = BlockConfiguration(attention: attention, feedForward: .gated(try model.gatedFeedForward(reader)))
    model.blocks = Array(repeating: block, count: model.layerCount)
  }
}

/// Mixtral: Mistral with a mixture of experts in every block.
enum Mixtral: Architecture {
  static let classes = ["MixtralForCausalLM"]
  static let defaults: [String: JSONValue] = [
    "num_key_value_heads": .integer(8), "rms_norm_eps": .number(1e-5), "rope_theta": .number(1e6),
    "num_local_experts": .integer(8), "num_experts_per_tok": .integer(2),
  ]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    var attention = model.groupedAttention(.separate(bias: false))
    attention.window = try reader.optionalCount("sliding_window")
    var expert = try model.gatedFeedForward(reader)
    (expert.path, expert.names) = ("block_sparse_moe.experts", .numbered)
    var routing = try RoutingConfiguration(
      expertCount: try reader.count("num_local_experts"), expertsPerToken: try reader.count("num_experts_per_tok"))
    routing.normalizesWeights = true
    let experts = ExpertsConfiguration(routing: routing, routerPath: "block_sparse_moe.gate", expert: expert)
    model.rotaries = [try RotaryConfiguration(reader, headDimension: model.headDimension)]
    let block = BlockConfiguration(attention: attention, feedForward: .experts(experts))
    model.blocks = Array(repeating: block, count: model.layerCount)
  }
}
