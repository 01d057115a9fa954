/// Llama 1 to 3.3 and what shares its class (Nemotron 70B and other descendants): grouped-query attention, gated feed-forward.
enum Llama: Architecture {
  static let classes = ["LlamaForCausalLM"]

  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws {
    let bias = try reader.flag("attention_bias") ?? false
    var attention = model.groupedAttention(.separate(bias: bias))
    attention.outputBias = bias
    var feedForward = try model.gatedFeedForward(reader)
    feedForward.bias = try reader.flag("mlp_bias") ?? false
    model.rotaries = [try RotaryConfiguration(reader, headDimension: model.headDimension)]
    let block = BlockConfiguration(attention: attention, feedForward: .gated(feedForward))
    model.blocks = Array(repeating: block, count: model.layerCount)
  }
}
