public import Checkpoints
import CKernels
import Tensors
public import VectorQuantization

/// The Llama family: pre-norm blocks, grouped-query attention, gated feed-forward, rotary positions.
///
/// Serves `LlamaForCausalLM`, `MistralForCausalLM` without a sliding window, and `Qwen2ForCausalLM` (biases on query,
/// key and value), which differ in biases only.
public struct LlamaModel: CausalLanguageModel {
  /// The dimensions and rules of the model.
  public let configuration: ModelConfiguration
  /// `[vocabularySize, hiddenSize]`.
  let embedding: Tensor
  package var blocks: [TransformerBlock]
  let finalNorm: RMSNorm
  /// `[vocabularySize, hiddenSize]`; the embedding itself if tied.
  let head: any Linear
  let rotary: RotaryEmbedding

  /// Reads a model of this family; tensors stay mapped where their form allows.
  public init(
    _ configuration: ModelConfiguration, source: any TensorSource, settings: QuantizationSettings?,
    isExact: Bool = false
  ) throws {
    let loader = ParameterLoader(source: source, settings: settings, isExact: isExact)
    self.configuration = configuration
    rotary = RotaryEmbedding(configuration)
    embedding = try Self.embedding(configuration, loader)
    blocks = try (0..<configuration.layerCount).map { try Self.block($0, configuration, loader) }
    finalNorm = try Self.finalNorm(configuration, loader)
    head = try Self.head(configuration, loader, embedding: embedding)
  }

  static func embedding(_ configuration: ModelConfiguration, _ loader: ParameterLoader) throws -> Tensor {
    try loader.dense("model.embed_tokens.weight", shape: [configuration.vocabularySize, configuration.hiddenSize])
  }

  static func finalNorm(_ configuration: ModelConfiguration, _ loader: ParameterLoader) throws -> RMSNorm {
    RMSNorm(
      weight: try loader.vector("model.norm.weight", count: configuration.hiddenSize),
      epsilon: configuration.normEpsilon)
  }

  /// The embedding if the configuration ties it (even where a stale head is stored), else `lm_head`.
  static func head(
    _ configuration: ModelConfiguration, _ loader: ParameterLoader, embedding: Tensor
  ) throws -> any Linear {
    if configuration.tiedEmbeddings { return try DenseLinear(name: "model.embed_tokens", weight: embedding) }
    return try loader.linear(
      "lm_head", outFeatures: configuration.vocabularySize, inFeatures: configuration.hiddenSize, bias: false)
  }

  /// Block `index`; its tensors are named below `model.layers.index`.
  package static func block(
    _ index: Int, _ configuration: ModelConfiguration, _ loader: ParameterLoader
  ) throws -> TransformerBlock {
    let c = configuration
    let prefix = "model.layers.\(index)"
    let (hidden, queryWidth, keyWidth) = (
      c.hiddenSize, c.headCount * c.headDimension, c.keyValueHeadCount * c.headDimension
    )
    func norm(_ name: String) throws -> RMSNorm {
      RMSNorm(weight: try loader.vector("\(prefix).\(name).weight", count: hidden), epsilon: c.normEpsilon)
    }
    func linear(_ name: String, _ outFeatures: Int, _ inFeatures: Int, _ bias: Bool) throws -> any Linear {
      try loader.linear("\(prefix).\(name)", outFeatures: outFeatures, inFeatures: inFeatures, bias: bias)
    }
    return TransformerBlock(
      attentionNorm: try norm("input_layernorm"),
      attention: Attention(
        query: try linear("self_attn.q_proj", queryWidth, hidden, c.attentionBias),
        key: try linear("self_attn.k_proj", keyWidth, hidden, c.attentionBias),
        value: try linear("self_attn.v_proj", keyWidth, hidden, c.attentionBias),
        output: try linear("self_attn.o_proj", hidden, queryWidth, c.attentionOutputBias),
        headCount: c.headCount, keyValueHeadCount: c.keyValueHeadCount, headDimension: c.headDimension),
      feedForwardNorm: try norm("post_attention_layernorm"),
      feedForward: FeedForward(
        gate: try linear("mlp.gate_proj", c.intermediateSize, hidden, c.feedForwardBias),
        up: try linear("mlp.up_proj", c.intermediateSize, hidden, c.feedForwardBias),
        down: try linear("mlp.down_proj", hidden, c.intermediateSize, c.feedForwardBias)))
  }

  /// An empty cache for one sequence of at most `capacity` positions.
  public func makeCache(capacity: Int) -> KeyValueCache {
    KeyValueCache(configuration, capacity: capacity)
  }

  /// Runs new tokens of several sequences together; see `CausalLanguageModel`.
  public func forward(_ segments: [Segment], logits request: LogitsRequest) throws -> Logits {
    let hidden = try hiddenStates(segments)
    return project(hidden, segments, request)
  }

  /// The residual stream after the last block, `[tokens, hiddenSize]`; extends the caches.
  package func hiddenStates(_ segments: [Segment]) throws -> [Float] {
    try Self.check(segments, configuration)
    let layout = BatchLayout(segments, rotary: rotary)
    var hidden = Self.embed(segments.flatMap(\.tokens), embedding)
    hidden.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      for (layer, block) in blocks.enumerated() { block.apply(base, layout: layout, layer: layer) }
    }
    for segment in segments { segment.cache.advance(by: segment.tokens.count) }
    return hidden
  }

  static func check(_ segments: [Segment], _ configuration: ModelConfiguration) throws {
    for segment in segments {
      if let bad = segment.tokens.first(where: { $0 < 0 || $0 >= configuration.vocabularySize }) {
        throw LanguageModelError(
          .badInput, "token id \(bad) is outside the vocabulary of \(configuration.vocabularySize)")
      }
      guard !segment.tokens.isEmpty, segment.cache.count + segment.tokens.count <= segment.cache.capacity else {
        throw LanguageModelError(
          .badInput,
          "\(segment.tokens.count) tokens do not fit a context of \(segment.cache.capacity) that holds \(segment.cache.count)"
        )
      }
    }
  }

  /// Rows of the embedding, widened.
  static func embed(_ tokens: [Int], _ embedding: Tensor) -> [Float] {
    let width = embedding.shape[1]
    let rowBytes = width * embedding.dtype.byteCount
    return [Float](unsafeUninitializedCapacity: tokens.count * width) { buffer, initialized in
      embedding.withUnsafeBytes { bytes in
        for (row, token) in tokens.enumerated() {
          FloatConversion.widen(
            UnsafeRawBufferPointer(rebasing: bytes[(token * rowBytes)..<((token + 1) * rowBytes)]),
            dtype: embedding.dtype,
            into: UnsafeMutableBufferPointer(rebasing: buffer[(row * width)..<((row + 1) * width)]))
        }
      }
      initialized = tokens.count * width
    }
  }

  private func project(_ hidden: [Float], _ segments: [Segment], _ request: LogitsRequest) -> Logits {
    let width = configuration.hiddenSize
    let vocabulary = configuration.vocabularySize
    var rows: [Int] = []
    switch request {
    case .none: break
    case .all: rows = Array(0..<(hidden.count / width))
    case .last:
      var end = 0
      for segment in segments {
        end += segment.tokens.count
        rows.append(end - 1)
      }
    }
    let values = [Float](unsafeUninitializedCapacity: rows.count * vocabulary) { buffer, initialized in
      initialized = rows.count * vocabulary
      guard let logits = buffer.baseAddress else { return }
      withScratch(count: rows.count * width) { normalized in
        hidden.withUnsafeBufferPointer { hidden in
          guard let base = hidden.baseAddress else { return }
          for (index, row) in rows.enumerated() {
            finalNorm.apply(base + row * width, tokens: 1, into: normalized + index * width)
          }
        }
        head.apply(normalized, tokens: rows.count, into: logits)
      }
    }
    return Logits(rows: rows.count, vocabularySize: vocabulary, values: values)
  }
}
