import Tensors

extension ModelConfiguration {
  /// The matrices of every block of this architecture, in the order of the computation.
  public var blockLinears: [BlockLinear] {
    let queryWidth = headCount * headDimension
    let keyWidth = keyValueHeadCount * headDimension
    let shapes: [String: Shape] = [
      "self_attn.q_proj": [queryWidth, hiddenSize],
      "self_attn.k_proj": [keyWidth, hiddenSize],
      "self_attn.v_proj": [keyWidth, hiddenSize],
      "self_attn.o_proj": [hiddenSize, queryWidth],
      "mlp.gate_proj": [intermediateSize, hiddenSize],
      "mlp.up_proj": [intermediateSize, hiddenSize],
      "mlp.down_proj": [hiddenSize, intermediateSize],
    ]
    return TransformerBlock.linears.compactMap { entry in
      shapes[entry.name].map { BlockLinear(name: entry.name, input: entry.input, shape: $0) }
    }
  }

  /// Width of one input of a block.
  package func width(of input: LinearInput) -> Int {
    switch input {
    case .attention, .feedForward: hiddenSize
    case .attentionOutput: headCount * headDimension
    case .feedForwardOutput: intermediateSize
    }
  }
}
