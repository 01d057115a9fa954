public import Checkpoints
public import JSONReader
public import Tensors

/// The dimensions and rules of a decoder model, as `config.json` states them.
public struct ModelConfiguration: Sendable {
  /// The first entry of `architectures`, for instance `LlamaForCausalLM`.
  public let architecture: String
  /// Width of the residual stream.
  public let hiddenSize: Int
  /// Width of the (dense) feed-forward layer.
  public let intermediateSize: Int
  /// Number of transformer blocks.
  public let layerCount: Int
  /// Number of query heads.
  public let headCount: Int
  /// Number of key and value heads.
  public let keyValueHeadCount: Int
  /// Width of one head: stated, or `hiddenSize / headCount`.
  public let headDimension: Int
  /// Rows of the embedding.
  public let vocabularySize: Int
  /// Longest context the model was made for.
  public let maximumPositions: Int
  /// Added to the mean square in RMSNorm.
  public let normEpsilon: Float
  /// Whether the output head is the embedding.
  public internal(set) var tiedEmbeddings: Bool
  /// The type the checkpoint's dense tensors are stored in.
  public let dtype: DType?
  /// The id that begins a text, if the model has one.
  public let beginTokenID: Int?
  /// Every id that ends a text, from `config.json` and `generation_config.json`.
  public let endTokenIDs: Set<Int>
  /// The rotary embeddings in use; a block names one of them.
  public internal(set) var rotaries: [RotaryConfiguration]
  /// What each block is made of.
  public internal(set) var blocks: [BlockConfiguration]
  /// Added to every stored norm weight.
  package internal(set) var normOffset: Float = 0
  /// Factor of the embedding's rows.
  package internal(set) var embeddingScale: Float = 1
  /// Logits are bent to stay within this bound.
  package internal(set) var logitSoftCap: Float?
  /// What tensor names of the decoder begin with, for instance `model.`.
  package internal(set) var prefix = "model."
  /// The module of an untied output head.
  package internal(set) var headModule = "lm_head"

  /// Reads `config.json` (and `generation_config.json` for further end ids).
  ///
  /// - Throws: `LanguageModelError`: `unsupported` names an unknown architecture or part of one, `badConfiguration` a key.
  public init(_ json: JSONValue, generation: JSONValue? = nil) throws {
    guard let architecture = json["architectures"]?.arrayValue?.first?.stringValue else {
      throw LanguageModelError(
        .badConfiguration, "config.json: \"architectures\" must be a list that names the model's class")
    }
    guard let family = ModelRegistry.family(of: architecture) else {
      throw LanguageModelError(
        .unsupported,
        "architecture \(architecture) is not supported; known: \(ModelRegistry.architectures.joined(separator: ", "))")
    }
    let reader = ConfigurationReader(json, defaults: family.defaults)
    self.architecture = architecture
    hiddenSize = try reader.count("hidden_size")
    intermediateSize = try reader.count("intermediate_size")
    layerCount = try reader.count("num_hidden_layers", atMost: Self.blockLimit)
    headCount = try reader.count("num_attention_heads")
    keyValueHeadCount = try reader.optionalCount("num_key_value_heads", atMost: headCount) ?? headCount
    headDimension =
      try reader.optionalCount("head_dim", atMost: 1 << 16) ?? (hiddenSize / headCount)
    vocabularySize = try reader.count("vocab_size", atMost: 1 << 26)
    maximumPositions = try reader.optionalCount("max_position_embeddings") ?? 2048
    guard headCount % keyValueHeadCount == 0 else {
      throw LanguageModelError(
        .badConfiguration,
        "config.json: num_attention_heads \(headCount) is no multiple of num_key_value_heads \(keyValueHeadCount)")
    }
    guard headDimension > 0 else {
      throw LanguageModelError(
        .badConfiguration, "config.json: \(headCount) heads do not fit hidden_size \(hiddenSize)")
    }
    normEpsilon = Float(try reader.optionalPositive("rms_norm_eps") ?? 1e-6)
    tiedEmbeddings = try reader.flag("tie_word_embeddings") ?? false
    dtype = (reader["dtype"]?.stringValue ?? reader["torch_dtype"]?.stringValue).flatMap(DType.init(configurationName:))
    beginTokenID = generation?["bos_token_id"]?.intValue ?? reader["bos_token_id"]?.intValue
    endTokenIDs = Self.ids(reader["eos_token_id"]).union(Self.ids(generation?["eos_token_id"]))
    rotaries = []
    blocks = []
    try family.complete(&self, reader)
    try checkSizes()
  }

  /// The most blocks that are believed.
  private static let blockLimit = 1 << 14

  /// Refuses sizes that no model has, before anything of such a size is made or multiplied.
  private func checkSizes() throws {
    for block in blocks {
      var experts = 1
      if case .experts(let configuration) = block.feedForward { experts = configuration.routing.expertCount }
      guard experts * layerCount <= 1 << 17 else {
        throw LanguageModelError(
          .badConfiguration,
          "config.json: \(experts) experts in each of \(layerCount) blocks are more than can be meant")
      }
    }
    // Blocks are few in kind, and all matrices of one kind have the sizes of its first expert.
    for (index, block) in blocks.enumerated() where index == 0 || block != blocks[index - 1] {
      for linear in linears(ofBlock: index) {
        guard linear.shape.dimensions.allSatisfy({ $0 <= 1 << 26 }), linear.shape.elementCount <= 1 << 40 else {
          throw LanguageModelError(
            .badConfiguration, "config.json: \(linear.name) would be a matrix \(linear.shape), which no model has")
        }
      }
    }
  }

  /// Reads the configuration of a model folder.
  public init(_ folder: ModelDirectory) throws {
    try self.init(folder.configuration, generation: folder.generationConfiguration)
    locate(in: folder)
  }

  /// Finds the prefix of the decoder's tensors.
  mutating func locate(in source: any TensorSource) {
    // Models that read more than text keep the decoder below another prefix, which one depends on who saved them.
    for (prefix, head) in [("model.language_model.", "lm_head"), ("language_model.model.", "language_model.lm_head")]
    where source.contains(prefix + "embed_tokens.weight") {
      (self.prefix, headModule) = (prefix, head)
    }
  }

  /// An id, a list of ids, or nothing.
  private static func ids(_ json: JSONValue?) -> Set<Int> {
    if let one = json?.intValue { return [one] }
    return Set(json?.arrayValue?.compactMap(\.intValue) ?? [])
  }

  /// The module name of one block, for instance `model.layers.3`.
  public func blockModule(_ index: Int) -> String { "\(prefix)layers.\(index)" }

  /// The embedding's tensor.
  package var embeddingName: String { prefix + "embed_tokens.weight" }
}
