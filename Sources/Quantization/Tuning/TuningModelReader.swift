import Checkpoints
import LanguageModels
import Tensors
import VectorQuantization

/// Reads the blocks of a model for tuning and gathers what is tuned.
struct TuningModelReader {
  let loader: ParameterLoader
  let configuration: ModelConfiguration
  let precision: LinearAlgebra.Precision
  private(set) var collection = TunedParameters.Collection()
  private(set) var hasTunedMatrix = false

  /// Where the gradients of fixed matrices' outputs are recorded, if they are wanted.
  let gradients: OutputGradients?

  init(
    loader: ParameterLoader, configuration: ModelConfiguration, precision: LinearAlgebra.Precision,
    gradients: OutputGradients?
  ) {
    self.gradients = gradients
    self.loader = loader
    self.configuration = configuration
    self.precision = precision
  }

  mutating func norm(_ module: String, count: Int) throws -> TunedNorm {
    let name = module + ".weight"
    let values = try loader.vector(name, count: count)
    let offset = configuration.normOffset
    let range = collection.add(
      name, values, like: try loader.source.tensor(named: name), unit: values.map { $0 + offset })
    return TunedNorm(range: range, epsilon: configuration.normEpsilon, offset: offset)
  }

  mutating func block(_ index: Int) throws -> TuningBlock {
    let block = configuration.blocks[index]
    guard case .gated(let gated) = block.feedForward else {
      throw QuantizationError(.unsupported, "block \(index) has a mixture of experts, which cannot be tuned")
    }
    let start = collection.count
    let module = configuration.blockModule(index)
    let attention = module + ".self_attn"
    let (c, width) = (block.attention, configuration.hiddenSize)
    let heads = CausalAttention(
      headCount: c.headCount, keyValueHeadCount: c.keyValueHeadCount, headDimension: c.headDimension, scale: c.scale,
      window: c.window, precision: precision)
    let keyWidth = c.keyValueHeadCount * c.headDimension
    let inputs: [Projection]
    switch c.projections {
    case .separate(let bias):
      inputs = try projections(
        attention, [("q_proj", heads.mixedWidth), ("k_proj", keyWidth), ("v_proj", keyWidth)], bias: bias)
    case .fused:
      inputs = try projections(attention, [("qkv_proj", heads.stride)], bias: false)
    case .latent:
      throw QuantizationError(.unsupported, "block \(index) has latent attention, which cannot be tuned")
    }
    let (mlp, names) = ("\(module).\(gated.path)", gated.linearNames)
    let attentionNorm = try norm("\(module).\(block.attentionNorm)", count: width)
    let headNorms =
      c.hasHeadNorms
      ? (
        query: try norm(attention + ".q_norm", count: c.headDimension),
        key: try norm(attention + ".k_norm", count: c.headDimension)
      ) : nil
    let output = try matrix(attention + ".o_proj", width, heads.mixedWidth, bias: c.outputBias)
    let attentionOutputNorm = try block.attentionOutputNorm.map { try norm("\(module).\($0)", count: width) }
    let feedForwardNorm = try norm("\(module).\(block.feedForwardNorm)", count: width)
    let feedForwardInputs = try projections(
      mlp, names.inputs.map { ($0, 2 * gated.width / names.inputs.count) }, bias: gated.bias)
    let down = try matrix("\(mlp).\(names.output)", width, gated.width, bias: gated.bias)
    let feedForwardOutputNorm = try block.feedForwardOutputNorm.map { try norm("\(module).\($0)", count: width) }
    return TuningBlock(
      range: start..<collection.count, hiddenSize: width, attentionNorm: attentionNorm, attentionInputs: inputs,
      headNorms: headNorms, rotary: c.rotary, attention: heads,
      attentionOutput: Projection(matrix: output, offset: 0, precision: precision),
      attentionOutputNorm: attentionOutputNorm,
      feedForwardNorm: feedForwardNorm, feedForwardInputs: feedForwardInputs, feedForwardWidth: gated.width,
      activation: gated.activation, feedForwardOutput: Projection(matrix: down, offset: 0, precision: precision),
      feedForwardOutputNorm: feedForwardOutputNorm)
  }

  /// Matrices whose outputs lie side by side.
  private mutating func projections(
    _ module: String, _ parts: [(name: String, width: Int)], bias: Bool
  ) throws -> [Projection] {
    var offset = 0
    var result: [Projection] = []
    for part in parts {
      let matrix = try matrix("\(module).\(part.name)", part.width, configuration.hiddenSize, bias: bias)
      result.append(Projection(matrix: matrix, offset: offset, precision: precision))
      offset += part.width
    }
    return result
  }

  private mutating func matrix(
    _ module: String, _ outFeatures: Int, _ inFeatures: Int, bias: Bool
  ) throws -> any BlockMatrix {
    if loader.source.contains(module + ".centroids.weight") {
      hasTunedMatrix = true
      let layer = try VectorQuantizedLinear(
        reading: loader.source, module: module, settings: loader.settings?.settings(forModule: module),
        outFeatures: outFeatures, inFeatures: inFeatures)
      return try TunedMatrix(layer, &collection)
    }
    let biasName = module + ".bias"
    return FixedMatrix(
      try loader.floatingMatrix(module, outFeatures: outFeatures, inFeatures: inFeatures),
      bias: bias || loader.source.contains(biasName) ? try loader.vector(biasName, count: outFeatures) : nil,
      gradients: gradients?.record(of: module))
  }
}
