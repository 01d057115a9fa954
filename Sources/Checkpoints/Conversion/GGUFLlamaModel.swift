import JSONReader
import Tensors

/// A GGUF file of architecture `llama`, seen as the Hugging Face model `LlamaForCausalLM`.
struct GGUFLlamaModel {
  /// A tensor of the file with its name in the model folder.
  struct Weight {
    let name: String
    let description: GGUFFile.TensorDescription
    /// The number of heads, where rows are in the order of interleaved rotary embedding.
    let rotaryHeads: Int?
  }

  let file: GGUFFile
  let layerCount: Int
  let hiddenSize: Int
  let feedForwardSize: Int
  let headCount: Int
  let keyValueHeadCount: Int
  let headDimension: Int
  let ropeTheta: Double

  init(_ file: GGUFFile) throws {
    self.file = file
    let architecture = file.metadata["general.architecture"]?.stringValue
    guard architecture == "llama" else {
      throw CheckpointError(
        .unsupported,
        "\(file.path) has the architecture \"\(architecture ?? "")\"; only \"llama\" is converted"
      )
    }
    func positive(_ key: String, _ fallback: Int? = nil) throws -> Int {
      guard let value = file.metadata["llama." + key]?.intValue ?? fallback, value > 0, value <= 1 << 30 else {
        throw CheckpointError(.malformedFile, "\(file.path) has no valid llama.\(key)")
      }
      return value
    }
    layerCount = try positive("block_count")
    hiddenSize = try positive("embedding_length")
    feedForwardSize = try positive("feed_forward_length")
    headCount = try positive("attention.head_count")
    keyValueHeadCount = try positive("attention.head_count_kv", headCount)
    headDimension = try positive("attention.key_length", hiddenSize / headCount)
    ropeTheta = file.metadata["llama.rope.freq_base"]?.doubleValue ?? 10000
    let valueLength = try positive("attention.value_length", headDimension)
    let rotaryDimension = try positive("rope.dimension_count", headDimension)
    guard valueLength == headDimension, rotaryDimension == headDimension, headDimension % 2 == 0 else {
      throw CheckpointError(
        .unsupported,
        "\(file.path): key, value and rotary sizes \(headDimension), \(valueLength), \(rotaryDimension) "
          + "must be equal and even"
      )
    }
    // Each layer has nine tensors; a count that the file cannot hold would only make long lists.
    guard layerCount <= file.tensors.count else {
      throw CheckpointError(
        .malformedFile, "\(file.path) declares \(layerCount) layers but \(file.tensors.count) tensors")
    }
  }

  /// Whether the output projection is the embedding itself.
  var tiesEmbeddings: Bool { !file.contains("output.weight") }

  /// All weights in the order of the computation, checked for presence and shape; a tensor that has no place in the
  /// model is refused by name.
  func weights() throws -> [Weight] {
    let vocabularySize = file.description(of: "token_embd.weight")?.shape.dimensions.first ?? 0
    let queries = headCount * headDimension
    let keys = keyValueHeadCount * headDimension
    var weights: [Weight] = []
    func add(_ source: String, _ target: String, _ shape: Shape, rotaryHeads: Int? = nil) throws {
      guard let description = file.description(of: source + ".weight") else {
        throw CheckpointError(.missingTensor, "\(file.path) has no tensor \"\(source).weight\"")
      }
      guard description.shape == shape else {
        throw CheckpointError(
          .malformedFile, "\(file.path): \"\(description.name)\" has the shape \(description.shape), not \(shape)")
      }
      weights.append(Weight(name: target + ".weight", description: description, rotaryHeads: rotaryHeads))
    }
    try add("token_embd", "model.embed_tokens", [vocabularySize, hiddenSize])
    for layer in 0..<layerCount {
      let source = "blk.\(layer)."
      let target = "model.layers.\(layer)."
      try add(source + "attn_norm", target + "input_layernorm", [hiddenSize])
      try add(source + "attn_q", target + "self_attn.q_proj", [queries, hiddenSize], rotaryHeads: headCount)
      try add(source + "attn_k", target + "self_attn.k_proj", [keys, hiddenSize], rotaryHeads: keyValueHeadCount)
      try add(source + "attn_v", target + "self_attn.v_proj", [keys, hiddenSize])
      try add(source + "attn_output", target + "self_attn.o_proj", [hiddenSize, queries])
      try add(source + "ffn_norm", target + "post_attention_layernorm", [hiddenSize])
      try add(source + "ffn_gate", target + "mlp.gate_proj", [feedForwardSize, hiddenSize])
      try add(source + "ffn_up", target + "mlp.up_proj", [feedForwardSize, hiddenSize])
      try add(source + "ffn_down", target + "mlp.down_proj", [hiddenSize, feedForwardSize])
    }
    try add("output_norm", "model.norm", [hiddenSize])
    if !tiesEmbeddings { try add("output", "lm_head", [vocabularySize, hiddenSize]) }
    let known = Set(weights.map(\.description.name) + [GGUFRotaryFactors.tensorName])
    if let stranger = file.tensors.first(where: { !known.contains($0.name) }) {
      throw CheckpointError(.unsupported, "\(file.path): the tensor \"\(stranger.name)\" has no place in a Llama model")
    }
    return weights
  }

  /// The content of `config.json`.
  func configuration(dtype: DType, vocabulary: GGUFVocabulary) throws -> JSONValue {
    guard let epsilon = file.metadata["llama.attention.layer_norm_rms_epsilon"]?.doubleValue else {
      throw CheckpointError(.malformedFile, "\(file.path) has no llama.attention.layer_norm_rms_epsilon")
    }
    let scaling = try ropeScaling()
    return [
      "architectures": ["LlamaForCausalLM"],
      "attention_bias": false,
      "bos_token_id": vocabulary.identifier("bos").map(JSONValue.integer) ?? .null,
      "eos_token_id": vocabulary.identifier("eos").map(JSONValue.integer) ?? .null,
      "head_dim": .integer(headDimension),
      "hidden_act": "silu",
      "hidden_size": .integer(hiddenSize),
      "intermediate_size": .integer(feedForwardSize),
      "max_position_embeddings": .integer(file.metadata["llama.context_length"]?.intValue ?? 2048),
      "mlp_bias": false,
      "model_type": "llama",
      "num_attention_heads": .integer(headCount),
      "num_hidden_layers": .integer(layerCount),
      "num_key_value_heads": .integer(keyValueHeadCount),
      "rms_norm_eps": .number(epsilon),
      "rope_scaling": scaling,
      "rope_theta": .number(ropeTheta),
      "tie_word_embeddings": .bool(tiesEmbeddings),
      "torch_dtype": .string(dtype.configurationName ?? "float32"),
      "vocab_size": .integer(file.description(of: "token_embd.weight")?.shape[0] ?? 0),
    ]
  }

  private func ropeScaling() throws -> JSONValue {
    if file.contains(GGUFRotaryFactors.tensorName) {
      return try GGUFRotaryFactors(file, headDimension: headDimension, theta: ropeTheta).scaling
    }
    let type = file.metadata["llama.rope.scaling.type"]?.stringValue ?? "none"
    switch type {
    case "none": return .null
    case "linear":
      let factor = file.metadata["llama.rope.scaling.factor"]?.doubleValue ?? 1
      return ["rope_type": "linear", "type": "linear", "factor": .number(factor)]
    default:
      throw CheckpointError(.unsupported, "\(file.path): rope scaling \"\(type)\" is not converted")
    }
  }
}
