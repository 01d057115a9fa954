import Tensors

/// The sizes that every decoder architecture states, under its own prefix.
struct GGUFDimensions {
  let layerCount: Int
  let hiddenSize: Int
  let feedForwardSize: Int
  let headCount: Int
  let keyValueHeadCount: Int
  /// Width of a head; for queries, keys and values the same.
  let headDimension: Int
  /// The leading dimensions of a head that rotary embedding turns.
  let rotaryDimension: Int
  let vocabularySize: Int
  let contextLength: Int
  let normEpsilon: Double
  let rotaryTheta: Double

  init(_ parameters: GGUFHyperparameters) throws {
    let file = parameters.file
    layerCount = try parameters.requiredSize("block_count")
    hiddenSize = try parameters.requiredSize("embedding_length")
    feedForwardSize = try parameters.requiredSize("feed_forward_length")
    headCount = try parameters.requiredSize("attention.head_count")
    keyValueHeadCount = try parameters.size("attention.head_count_kv") ?? headCount
    let keyLength = try parameters.size("attention.key_length") ?? max(1, hiddenSize / headCount)
    let valueLength = try parameters.size("attention.value_length") ?? keyLength
    headDimension = keyLength
    rotaryDimension = try parameters.size("rope.dimension_count") ?? keyLength
    contextLength = try parameters.size("context_length") ?? 2048
    normEpsilon = try parameters.requiredNumber("attention.layer_norm_rms_epsilon")
    rotaryTheta = try parameters.positiveNumber("rope.freq_base") ?? 10000
    guard let embedding = file.description(of: "token_embd.weight"), embedding.shape.rank == 2 else {
      throw CheckpointError(.missingTensor, "\(file.path) has no tensor \"token_embd.weight\" of two dimensions")
    }
    vocabularySize = embedding.shape[0]
    // Each layer has several tensors; a count that the file cannot hold would only make long lists.
    guard layerCount <= file.tensors.count else {
      throw CheckpointError(
        .malformedFile, "\(file.path) declares \(layerCount) layers but \(file.tensors.count) tensors")
    }
    // Latent attention (DeepSeek) states the widths of its latent space here.
    if parameters["attention.kv_lora_rank"] != nil { return }
    guard valueLength == keyLength, rotaryDimension <= keyLength, rotaryDimension % 2 == 0, keyLength % 2 == 0 else {
      throw CheckpointError(
        .unsupported,
        "\(file.path): key and value sizes \(keyLength) and \(valueLength) must be equal and even, and not below "
          + "the rotary size \(rotaryDimension)")
    }
  }

  /// Rows of the query projection.
  var queries: Int { headCount * headDimension }
  /// Rows of the key projection, and of the value projection.
  var keys: Int { keyValueHeadCount * headDimension }
}
