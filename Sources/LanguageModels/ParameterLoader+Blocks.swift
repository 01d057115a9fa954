package import Tensors

extension ParameterLoader {
  /// The embedding, `[vocabularySize, hiddenSize]`.
  package func embedding(_ model: ModelConfiguration) throws -> Tensor {
    let embedding = try dense(model.embeddingName, shape: [model.vocabularySize, model.hiddenSize])
    guard FloatConversion.canWiden(embedding.dtype) else {
      throw LanguageModelError(
        .badTensor,
        "\(model.embeddingName) is \(embedding.dtype.rawValue); a floating type of 16 bits or more is needed")
    }
    return embedding
  }

  /// The output head, `[vocabularySize, hiddenSize]`, of a floating type: the embedding itself where the configuration ties
  /// them.
  package func headWeight(_ model: ModelConfiguration) throws -> Tensor {
    try model.tiedEmbeddings
      ? embedding(model)
      : floatingMatrix(model.headModule, outFeatures: model.vocabularySize, inFeatures: model.hiddenSize)
  }

  /// The norm at `module`, with the family's offset added.
  func norm(_ module: String, count: Int, configuration: ModelConfiguration) throws -> RMSNorm {
    var weight = try vector(module + ".weight", count: count)
    if configuration.normOffset != 0 {
      for index in weight.indices { weight[index] += configuration.normOffset }
    }
    return RMSNorm(weight: weight, epsilon: configuration.normEpsilon)
  }

  /// Block `index`, as its configuration describes it.
  package func block(_ index: Int, _ model: ModelConfiguration) throws -> TransformerBlock {
    let configuration = model.blocks[index]
    let module = model.blockModule(index)
    func norm(_ name: String) throws -> RMSNorm {
      try self.norm("\(module).\(name)", count: model.hiddenSize, configuration: model)
    }
    return TransformerBlock(
      attentionNorm: try norm(configuration.attentionNorm),
      attention: try attention(configuration.attention, "\(module).self_attn", model),
      attentionOutputNorm: try configuration.attentionOutputNorm.map(norm),
      feedForwardNorm: try norm(configuration.feedForwardNorm),
      feedForward: try feedForward(configuration.feedForward, module, model),
      feedForwardOutputNorm: try configuration.feedForwardOutputNorm.map(norm))
  }

  private func attention(
    _ c: AttentionConfiguration, _ module: String, _ model: ModelConfiguration
  ) throws -> any Attention {
    if case .latent(let latent) = c.projections { return try latentAttention(c, latent, module, model) }
    let (queryWidth, keyWidth) = (c.headCount * c.headDimension, c.keyValueHeadCount * c.headDimension)
    func linear(_ name: String, _ outFeatures: Int, _ inFeatures: Int, _ bias: Bool) throws -> any Linear {
      try self.linear("\(module).\(name)", outFeatures: outFeatures, inFeatures: inFeatures, bias: bias)
    }
    let projections: GroupedAttention.Projections
    if case .separate(let bias) = c.projections {
      projections = .separate(
        query: try linear("q_proj", queryWidth, model.hiddenSize, bias),
        key: try linear("k_proj", keyWidth, model.hiddenSize, bias),
        value: try linear("v_proj", keyWidth, model.hiddenSize, bias))
    } else {
      projections = .fused(try linear("qkv_proj", queryWidth + 2 * keyWidth, model.hiddenSize, false))
    }
    func headNorm(_ name: String) throws -> RMSNorm {
      try norm("\(module).\(name)", count: c.headDimension, configuration: model)
    }
    return GroupedAttention(
      projections: projections, output: try linear("o_proj", model.hiddenSize, queryWidth, c.outputBias),
      headNorms: c.hasHeadNorms ? (try headNorm("q_norm"), try headNorm("k_norm")) : nil, rotary: c.rotary,
      mix: AttentionMix(
        headCount: c.headCount, keyValueHeadCount: c.keyValueHeadCount, keyDimension: c.headDimension,
        valueDimension: c.headDimension, scale: c.scale, window: c.window,
        softCap: c.softCap))
  }

  private func feedForward(
    _ configuration: FeedForwardConfiguration, _ block: String, _ model: ModelConfiguration
  ) throws -> any FeedForward {
    switch configuration {
    case .gated(let gated):
      return try self.gated(
        gated, "\(block).\(gated.path)", model, input: .feedForward, output: .feedForwardOutput)
    case .experts(let c):
      let router = Router(
        configuration: c.routing,
        linear: try linear(
          "\(block).\(c.routerPath)", outFeatures: c.routing.expertCount, inFeatures: model.hiddenSize, bias: false),
        bias: c.routing.hasBias
          ? try vector("\(block).\(c.routerPath).e_score_correction_bias", count: c.routing.expertCount) : nil)
      return ExpertFeedForward(
        router: router,
        experts: try (0..<c.routing.expertCount).map {
          try gated(
            c.expert, "\(block).\(c.expert.path).\($0)", model, input: .expert($0), output: .expertOutput($0))
        },
        shared: try c.shared.map {
          try gated($0, "\(block).\($0.path)", model, input: .feedForward, output: .sharedExpertOutput)
        },
        sharedGate: try c.sharedGatePath.map {
          try linear("\(block).\($0)", outFeatures: 1, inFeatures: model.hiddenSize, bias: false)
        })
    }
  }

  private func gated(
    _ c: GatedConfiguration, _ module: String, _ model: ModelConfiguration, input: LinearInput, output: LinearInput
  ) throws -> GatedFeedForward {
    let names = c.linearNames
    func reading(_ name: String) throws -> any Linear {
      try linear(
        "\(module).\(name)", outFeatures: 2 * c.width / names.inputs.count, inFeatures: model.hiddenSize, bias: c.bias)
    }
    return GatedFeedForward(
      inputs: names.inputs.count == 1
        ? .fused(try reading(names.inputs[0]))
        : .separate(gate: try reading(names.inputs[0]), up: try reading(names.inputs[1])),
      down: try linear(
        "\(module).\(names.output)", outFeatures: model.hiddenSize, inFeatures: c.width, bias: c.bias),
      activation: c.activation, input: input, output: output)
  }
}
