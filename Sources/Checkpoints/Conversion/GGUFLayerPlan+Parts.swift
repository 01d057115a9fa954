import Tensors

/// The parts of a layer that most architectures share.
extension GGUFLayerPlan {
  /// The norm before attention, and attention with separate projections.
  ///
  /// - Parameters:
  ///   - isInterleaved: whether the rows of queries and keys are in the order of interleaved rotary embedding.
  ///   - normalizesHeads: whether heads of queries and keys have a norm.
  func addAttention(
    _ dimensions: GGUFDimensions, bias: Bool = false, outputBias: Bool = false, isInterleaved: Bool = false,
    normalizesHeads: Bool = false, normChange: GGUFWeight.Change = .none
  ) throws {
    let (hidden, queries, keys) = (dimensions.hiddenSize, dimensions.queries, dimensions.keys)
    func order(_ heads: Int) -> GGUFWeight.Change { isInterleaved ? .separatingRotaryHalves(heads: heads) : .none }
    try add("attn_norm", "input_layernorm", [hidden], normChange)
    try add("attn_q", "self_attn.q_proj", [queries, hidden], order(dimensions.headCount), bias: bias)
    try add("attn_k", "self_attn.k_proj", [keys, hidden], order(dimensions.keyValueHeadCount), bias: bias)
    try add("attn_v", "self_attn.v_proj", [keys, hidden], bias: bias)
    try add("attn_output", "self_attn.o_proj", [hidden, queries], bias: outputBias)
    if normalizesHeads {
      try add("attn_q_norm", "self_attn.q_norm", [dimensions.headDimension], normChange)
      try add("attn_k_norm", "self_attn.k_norm", [dimensions.headDimension], normChange)
    }
  }

  /// The gated feed-forward part.
  func addFeedForward(_ dimensions: GGUFDimensions, bias: Bool = false) throws {
    let (hidden, width) = (dimensions.hiddenSize, dimensions.feedForwardSize)
    try add("ffn_gate", "mlp.gate_proj", [width, hidden], bias: bias)
    try add("ffn_up", "mlp.up_proj", [width, hidden], bias: bias)
    try add("ffn_down", "mlp.down_proj", [hidden, width], bias: bias)
  }

  /// The heads of latent attention, whose keys and values are two stacks in the file and one matrix on the hub.
  func addLatentHeads(keys: Shape, values: Shape, _ shape: Shape) throws {
    let description = try plan.use(source + "attn_v_b.weight", values)
    try plan.add(
      source + "attn_k_b.weight", target + "self_attn.kv_b_proj.weight", keys,
      .joiningLatentHeads(keys: keys, values: description), resultShape: shape)
  }
}

extension GGUFDimensions {
  /// Refuses a file in which only a part of each head is turned, for architectures that turn all of it.
  func requireFullRotation(_ parameters: GGUFHyperparameters) throws {
    guard rotaryDimension == headDimension else {
      throw CheckpointError(
        .unsupported,
        "\(parameters.file.path): the rotary size \(rotaryDimension) must be the head's size \(headDimension)")
    }
  }
}
