/// One family of models: which classes of `config.json` belong to it, and what its blocks are made of.
protocol Architecture: Sendable {
  /// The class names of `architectures`.
  static var classes: [String] { get }
  /// Whether the head is the embedding where the file does not say.
  static var tiesEmbeddingsByDefault: Bool { get }
  /// Width of a head where the file does not say and it is not `hidden_size / num_attention_heads`.
  static var defaultHeadDimension: Int? { get }

  /// Fills in blocks, rotary embeddings and rules, from the dimensions already read.
  ///
  /// - Throws: `LanguageModelError` that names what is not supported, or the key at fault.
  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws
}

extension Architecture {
  static var tiesEmbeddingsByDefault: Bool { false }
  static var defaultHeadDimension: Int? { nil }
}

extension ModelConfiguration {
  /// Grouped-query attention of the model's dimensions.
  func groupedAttention(_ projections: AttentionConfiguration.Projections) -> AttentionConfiguration {
    AttentionConfiguration(
      headCount: headCount, keyValueHeadCount: keyValueHeadCount, headDimension: headDimension,
      projections: projections)
  }

  /// A gated feed-forward layer of the model's width.
  func gatedFeedForward(_ reader: ConfigurationReader) throws -> GatedConfiguration {
    GatedConfiguration(width: intermediateSize, activation: try reader.activation(known: Self.siluNames))
  }

  /// The names of the only activation of most families.
  static let siluNames: [String: Activation] = ["silu": .silu, "swish": .silu]
}
