import Checkpoints
import LanguageModels
import Tensors
import VectorQuantization

/// A model as tuning runs it: codebooks, scales and norms have gradients; codes, dense matrices, embedding and head are fixed.
final class TuningModel {
  let configuration: ModelConfiguration
  let parameters: TunedParameters
  let blocks: [TuningBlock]
  let finalNorm: TunedNorm
  /// `[vocabularySize, hiddenSize]`.
  let embedding: Tensor
  /// `[vocabularySize, hiddenSize]`.
  let head: Tensor
  /// Whether any matrix is vector-quantized.
  let hasTunedMatrix: Bool
  let precision: LinearAlgebra.Precision

  /// Reads a model folder; `gradients` is told those of the outputs of unquantized matrices.
  ///
  /// - Throws: `QuantizationError` (`unsupported`) that names a part which cannot be tuned, before any weight is read, or
  ///   whatever reading throws.
  convenience init(
    _ folder: ModelDirectory, precision: LinearAlgebra.Precision, observing gradients: OutputGradients? = nil
  ) throws {
    try self.init(
      ModelConfiguration(folder), source: folder, settings: QuantizationSettings(folder.configuration),
      precision: precision, observing: gradients)
  }

  /// The same with the tensors of any source.
  init(
    _ configuration: ModelConfiguration, source: any TensorSource, settings: QuantizationSettings?,
    precision: LinearAlgebra.Precision, observing gradients: OutputGradients? = nil
  ) throws {
    self.precision = precision
    self.configuration = configuration
    try Self.check(configuration)
    let loader = ParameterLoader(source: source, settings: settings)
    var reader = TuningModelReader(
      loader: loader, configuration: configuration, precision: precision, gradients: gradients)
    embedding = try loader.embedding(configuration)
    head = try loader.headWeight(configuration)
    blocks = try configuration.blocks.indices.map { try reader.block($0) }
    finalNorm = try reader.norm(configuration.prefix + "norm", count: configuration.hiddenSize)
    hasTunedMatrix = reader.hasTunedMatrix
    parameters = TunedParameters(reader.collection)
    parameters.update()
  }

  /// Refuses what has no gradient here.
  static func check(_ configuration: ModelConfiguration) throws {
    func refuse(_ part: String) -> QuantizationError {
      QuantizationError(.unsupported, "\(configuration.architecture) cannot be tuned: \(part) has no gradient here")
    }
    if configuration.logitSoftCap != nil { throw refuse("a cap of the logits (final_logit_softcapping)") }
    for (index, block) in configuration.blocks.enumerated() {
      if case .latent = block.attention.projections { throw refuse("latent attention (block \(index))") }
      if case .experts = block.feedForward { throw refuse("a mixture of experts (block \(index))") }
      if block.attention.softCap != nil {
        throw refuse("a cap of attention scores (attn_logit_softcapping, block \(index))")
      }
    }
  }

  /// Rows of the embedding.
  func embed(_ tokens: [Int]) -> [Float] {
    DecoderModel.embed(tokens, embedding, scale: configuration.embeddingScale)
  }

  /// The angles of positions from 0 on, one set for each rotary embedding.
  func angles(length: Int) -> [RotaryAngles] {
    configuration.rotaries.map { RotaryAngles(RotaryEmbedding($0), length: length) }
  }
}
