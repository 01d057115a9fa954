import Tensors

extension ModelConfiguration {
  /// The quantizable matrices of one block, in the order of the computation: every projection of attention and of the
  /// feed-forward layers, experts included; not the routers, which are small and decide much.
  public func linears(ofBlock index: Int) -> [BlockLinear] {
    blocks[index].attention.linears(hiddenSize: hiddenSize) + blocks[index].feedForward.linears(hiddenSize: hiddenSize)
  }
}

extension AttentionConfiguration {
  func linears(hiddenSize: Int) -> [BlockLinear] {
    let (queryWidth, keyWidth) = (headCount * headDimension, keyValueHeadCount * headDimension)
    func linear(_ name: String, _ input: LinearInput, _ outFeatures: Int, _ inFeatures: Int) -> BlockLinear {
      BlockLinear(name: "self_attn." + name, input: input, shape: [outFeatures, inFeatures])
    }
    switch projections {
    case .separate:
      return [
        linear("q_proj", .attention, queryWidth, hiddenSize), linear("k_proj", .attention, keyWidth, hiddenSize),
        linear("v_proj", .attention, keyWidth, hiddenSize),
        linear("o_proj", .attentionOutput, hiddenSize, queryWidth),
      ]
    case .fused:
      return [
        linear("qkv_proj", .attention, queryWidth + 2 * keyWidth, hiddenSize),
        linear("o_proj", .attentionOutput, hiddenSize, queryWidth),
      ]
    case .latent(let latent):
      let query =
        latent.queryRank.map { rank in
          [
            linear("q_a_proj", .attention, rank, hiddenSize),
            linear("q_b_proj", .queryLatent, queryWidth, rank),
          ]
        } ?? [linear("q_proj", .attention, queryWidth, hiddenSize)]
      return query + [
        linear("kv_a_proj_with_mqa", .attention, latent.keyValueRank + latent.rotaryDimension, hiddenSize),
        linear(
          "kv_b_proj", .keyValueLatent, headCount * (latent.plainDimension + latent.valueDimension),
          latent.keyValueRank),
        linear("o_proj", .attentionOutput, hiddenSize, headCount * latent.valueDimension),
      ]
    }
  }
}

extension FeedForwardConfiguration {
  func linears(hiddenSize: Int) -> [BlockLinear] {
    switch self {
    case .gated(let gated):
      return gated.linears(hiddenSize: hiddenSize, path: gated.path, input: .feedForward, output: .feedForwardOutput)
    case .experts(let experts):
      let routed = (0..<experts.routing.expertCount).flatMap { index in
        experts.expert.linears(
          hiddenSize: hiddenSize, path: "\(experts.expert.path).\(index)", input: .expert(index),
          output: .expertOutput(index), substitute: .feedForward)
      }
      let shared = experts.shared.map {
        $0.linears(hiddenSize: hiddenSize, path: $0.path, input: .feedForward, output: .sharedExpertOutput)
      }
      return routed + (shared ?? [])
    }
  }
}

extension GatedConfiguration {
  /// The matrices' names below `path`, outputs that read the input first.
  package var linearNames: (inputs: [String], output: String) {
    switch names {
    case .standard: (["gate_proj", "up_proj"], "down_proj")
    case .numbered: (["w1", "w3"], "w2")
    case .fused: (["gate_up_proj"], "down_proj")
    }
  }

  fileprivate func linears(
    hiddenSize: Int, path: String, input: LinearInput, output: LinearInput, substitute: LinearInput? = nil
  ) -> [BlockLinear] {
    let (inputs, last) = linearNames
    return inputs.map {
      BlockLinear(
        name: "\(path).\($0)", input: input, shape: [2 * width / inputs.count, hiddenSize], substitute: substitute)
    } + [BlockLinear(name: "\(path).\(last)", input: output, shape: [hiddenSize, width])]
  }
}
