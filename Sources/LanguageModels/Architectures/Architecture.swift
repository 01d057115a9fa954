import JSONReader

/// One family of models: which classes of `config.json` belong to it, and what its blocks are made of.
protocol Architecture: Sendable {
  /// The class names of `architectures`.
  static var classes: [String] { get }
  /// What keys mean that the file leaves out (in the reference library the defaults of the class); null is not left out.
  static var defaults: [String: JSONValue] { get }

  /// Fills in blocks, rotary embeddings and rules, from the dimensions already read.
  ///
  /// - Throws: `LanguageModelError` that names what is not supported, or the key at fault.
  static func complete(_ model: inout ModelConfiguration, _ reader: ConfigurationReader) throws
}

extension Architecture {
  static var defaults: [String: JSONValue] { [:] }
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
    GatedConfiguration(width: intermediateSize, activation: try reader.siluActivation())
  }
}

extension ConfigurationReader {
  /// The only activation of most families.
  func siluActivation() throws -> Activation {
    try activation(known: ["silu": .silu, "swish": .silu], default: .silu)
  }
}
