public import Checkpoints
public import JSONReader
public import Tensors

/// The dimensions and rules of a decoder model, as `config.json` states them.
public struct ModelConfiguration: Sendable {
  /// The first entry of `architectures`, for instance `LlamaForCausalLM`.
  public let architecture: String
  /// Width of the residual stream.
  public let hiddenSize: Int
  /// Width of the feed-forward layer.
  public let intermediateSize: Int
  /// Number of transformer blocks.
  public let layerCount: Int
  /// Number of query heads.
  public let headCount: Int
  /// Number of key and value heads; query head `h` reads head `h / (headCount / keyValueHeadCount)`.
  public let keyValueHeadCount: Int
  /// Width of one head: stated, or `hiddenSize / headCount`.
  public let headDimension: Int
  /// Rows of the embedding.
  public let vocabularySize: Int
  /// Longest context the model was made for.
  public let maximumPositions: Int
  /// Added to the mean square in RMSNorm.
  public let normEpsilon: Float
  /// Base of the rotary frequencies.
  public let rotaryTheta: Double
  /// Stretching of the rotary frequencies.
  public let rotaryScaling: RotaryScaling
  /// Whether the output head is the embedding.
  public let tiedEmbeddings: Bool
  /// Whether query, key and value projections have a bias.
  public let attentionBias: Bool
  /// Whether the output projection of attention has a bias.
  public let attentionOutputBias: Bool
  /// Whether the feed-forward projections have a bias.
  public let feedForwardBias: Bool
  /// The type the checkpoint's dense tensors are stored in.
  public let dtype: DType?
  /// The id that begins a text, if the model has one.
  public let beginTokenID: Int?
  /// Every id that ends a text, from `config.json` and `generation_config.json`.
  public let endTokenIDs: Set<Int>

  /// Reads `config.json` (and `generation_config.json` for further end ids).
  ///
  /// - Throws: `LanguageModelError` that names the key.
  public init(_ json: JSONValue, generation: JSONValue? = nil) throws {
    let file = "config.json"
    func required(_ key: String) throws -> Int {
      guard let value = json[key]?.intValue, value > 0 else {
        throw LanguageModelError(.badConfiguration, "\(file): \"\(key)\" must be a positive whole number")
      }
      return value
    }
    func optional(_ key: String) throws -> Int? {
      guard let value = json[key] else { return nil }
      if case .null = value { return nil }
      return try required(key)
    }
    guard let architecture = json["architectures"]?.arrayValue?.first?.stringValue else {
      throw LanguageModelError(
        .badConfiguration, "\(file): \"architectures\" must be a list that names the model's class")
    }
    self.architecture = architecture
    hiddenSize = try required("hidden_size")
    intermediateSize = try required("intermediate_size")
    layerCount = try required("num_hidden_layers")
    headCount = try required("num_attention_heads")
    keyValueHeadCount = try optional("num_key_value_heads") ?? headCount
    headDimension = try optional("head_dim") ?? (hiddenSize / headCount)
    vocabularySize = try required("vocab_size")
    maximumPositions = try optional("max_position_embeddings") ?? 2048
    guard headCount % keyValueHeadCount == 0 else {
      throw LanguageModelError(
        .badConfiguration,
        "\(file): num_attention_heads \(headCount) is no multiple of num_key_value_heads \(keyValueHeadCount)")
    }
    guard headDimension % 2 == 0 else {
      throw LanguageModelError(.badConfiguration, "\(file): head_dim \(headDimension) must be even")
    }
    normEpsilon = Float(json["rms_norm_eps"]?.doubleValue ?? 1e-6)
    let rotary = json["rope_parameters"]?.objectValue != nil ? json["rope_parameters"] : json["rope_scaling"]
    rotaryTheta = json["rope_parameters"]?["rope_theta"]?.doubleValue ?? json["rope_theta"]?.doubleValue ?? 10000
    rotaryScaling = try RotaryScaling(rotary)
    tiedEmbeddings = json["tie_word_embeddings"]?.boolValue ?? false
    let isQwen2 = architecture == "Qwen2ForCausalLM"
    attentionBias = json["attention_bias"]?.boolValue ?? isQwen2
    attentionOutputBias = json["attention_bias"]?.boolValue ?? false
    feedForwardBias = json["mlp_bias"]?.boolValue ?? false
    dtype = (json["dtype"]?.stringValue ?? json["torch_dtype"]?.stringValue).flatMap(DType.init(configurationName:))
    beginTokenID = generation?["bos_token_id"]?.intValue ?? json["bos_token_id"]?.intValue
    endTokenIDs = Self.ids(json["eos_token_id"]).union(Self.ids(generation?["eos_token_id"]))
    let activation = json["hidden_act"]?.stringValue ?? "silu"
    guard activation == "silu" || activation == "swish" else {
      throw LanguageModelError(
        .unsupported, "\(file): activation \"\(activation)\" is not supported for \(architecture)")
    }
  }

  /// Reads the configuration of a model folder.
  public init(_ folder: ModelDirectory) throws {
    try self.init(folder.configuration, generation: folder.generationConfiguration)
  }

  /// An id, a list of ids, or nothing.
  private static func ids(_ json: JSONValue?) -> Set<Int> {
    if let one = json?.intValue { return [one] }
    return Set(json?.arrayValue?.compactMap(\.intValue) ?? [])
  }

  /// Queries per key and value head.
  package var groupSize: Int { headCount / keyValueHeadCount }
}
