public import Checkpoints
import CKernels
package import Tensors
public import VectorQuantization

/// A decoder model of any supported architecture: embedding, blocks, final norm, head.
///
/// What differs between families is data in its configuration, see `Architecture`.
public struct DecoderModel: CausalLanguageModel {
  /// The dimensions and rules of the model.
  public let configuration: ModelConfiguration
  /// `[vocabularySize, hiddenSize]`.
  let embedding: Tensor
  package let blocks: [TransformerBlock]
  let finalNorm: RMSNorm
  /// `[vocabularySize, hiddenSize]`; the embedding itself if tied.
  let head: any Linear
  let rotaries: [RotaryEmbedding]
  /// How the keys and values of its caches are kept.
  public let cacheForm: CacheForm
  /// How much of the weights stays in memory; nil where all do.
  public let residency: WeightResidency?
  private let preparation: LayerPreparation
  /// Whether only rows of tokens are read of the embedding where it is stored.
  private let readsRowsAlone: Bool

  /// Reads a model; tensors stay mapped where their form allows.
  public init(
    _ configuration: ModelConfiguration, source: any TensorSource, settings: QuantizationSettings?,
    options: RuntimeOptions = RuntimeOptions()
  ) throws {
    var loader = ParameterLoader(source: source, settings: settings, isExact: options.isExact)
    self.configuration = configuration
    cacheForm = options.cacheForm(isQuantized: settings != nil)
    rotaries = configuration.rotaries.map(RotaryEmbedding.init)
    embedding = try loader.embedding(configuration)
    let census = WeightCensus()
    loader.census = census
    loader.preparation = LayerPreparation()
    var blocks = try configuration.blocks.indices.map { try loader.block($0, configuration) }
    loader.census = nil
    if let allowed = options.allowedMemory {
      let isBytes = options.usesByteHead(isQuantized: settings != nil) && ck_active().pointee.prefers_byte_matrix != 0
      let head =
        isBytes
        ? ByteLinear.byteCount(rows: embedding.shape[0], columns: embedding.shape[1])
        : embedding.shape.elementCount * embedding.dtype.byteCount
      loader.placement = WeightPlacement(
        census.entries, head: head, allowed: allowed, readsAhead: options.readsAhead)
      if loader.placement != nil {
        loader.preparation = LayerPreparation()
        blocks = try configuration.blocks.indices.map { try loader.block($0, configuration) }
      }
    }
    residency = loader.placement?.residency
    preparation = loader.preparation ?? LayerPreparation()
    self.blocks = blocks
    finalNorm = try loader.norm(
      configuration.prefix + "norm", count: configuration.hiddenSize, configuration: configuration)
    // The embedding is the head if the configuration ties it, even where a stale head is stored.
    let head: any Linear =
      configuration.tiedEmbeddings
      ? try DenseLinear(name: configuration.prefix + "embed_tokens", weight: embedding)
      : try loader.linear(
        configuration.headModule, outFeatures: configuration.vocabularySize, inFeatures: configuration.hiddenSize,
        bias: false)
    if let dense = head as? DenseLinear, options.usesByteHead(isQuantized: settings != nil),
      ByteLinear.isFaster(for: dense)
    {
      self.head = ByteLinear(dense)
    } else {
      self.head = head
    }
    readsRowsAlone = self.head is ByteLinear || !configuration.tiedEmbeddings
  }

  /// An empty cache for one sequence of at most `capacity` positions.
  public func makeCache(capacity: Int) -> KeyValueCache {
    KeyValueCache(configuration.blocks, capacity: capacity, form: cacheForm)
  }

  /// Runs new tokens of several sequences together; see `CausalLanguageModel`.
  public func forward(
    _ segments: [Segment], logits request: LogitsRequest, grouping: TokenGrouping
  ) throws -> Logits {
    try ScratchMemory.shared.keeping {
      let hidden = try hiddenStates(segments, grouping: grouping)
      return project(hidden, segments, request, grouping)
    }
  }

  /// The residual stream of the new tokens after the last block, `[tokens, hiddenSize]`; extends the caches.
  package func hiddenStates(_ segments: [Segment], grouping: TokenGrouping = .fastest) throws -> [Float] {
    try Self.check(segments, configuration)
    preparation.run()
    // A sequence that outgrows one set of rotary frequencies is run again from its start with the next.
    let whole = segments.map { segment in
      needsRestart(segment) ? Segment(tokens: segment.cache.tokens + segment.tokens, cache: segment.cache) : segment
    }
    for (segment, whole) in zip(segments, whole) where segment.tokens.count != whole.tokens.count {
      segment.cache.truncate(to: 0)
    }
    for segment in whole { segment.cache.reserve(segment.cache.count + segment.tokens.count) }
    let layout = BatchLayout(whole, rotaries: rotaries, grouping: grouping)
    var hidden = Self.embed(
      whole.flatMap(\.tokens), embedding, scale: configuration.embeddingScale, isMapped: !readsRowsAlone)
    hidden.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      ResidualStream.run(base, rows: layout.rows, width: configuration.hiddenSize) { stream in
        for (layer, block) in blocks.enumerated() { block.apply(&stream, layout: layout, layer: layer) }
      }
    }
    for segment in whole { segment.cache.advance(by: segment.tokens) }
    if layout.rows == segments.reduce(0, { $0 + $1.tokens.count }) { return hidden }
    let width = configuration.hiddenSize
    return zip(layout.spans, segments).flatMap { span, segment in
      let end = span.firstRow + span.count
      return hidden[((end - segment.tokens.count) * width)..<(end * width)]
    }
  }

  /// Whether the keys in a cache were turned by other frequencies than the new ones will be.
  private func needsRestart(_ segment: Segment) -> Bool {
    let (before, after) = (segment.cache.count, segment.cache.count + segment.tokens.count)
    return before > 0 && rotaries.contains { $0.regime(length: segment.cache.rotaryLength) != $0.regime(length: after) }
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

  /// Rows of the embedding, widened and scaled.
  ///
  /// - Parameter isMapped: whether they are read where the file is mapped; else they are copied from it, and nothing of it stays in memory. With
  ///   each mapped row the system brings its neighbours, so that a long chat would end with all of them there.
  package static func embed(
    _ tokens: [Int], _ embedding: Tensor, scale: Float, isMapped: Bool = true
  ) -> [Float] {
    let width = embedding.shape[1]
    let rowBytes = width * embedding.dtype.byteCount
    return [Float](unsafeUninitializedCapacity: tokens.count * width) { buffer, initialized in
      for (row, token) in tokens.enumerated() {
        embedding.withBytes((token * rowBytes)..<((token + 1) * rowBytes), isMapped: isMapped) {
          FloatConversion.widen(
            $0, dtype: embedding.dtype,
            into: UnsafeMutableBufferPointer(rebasing: buffer[(row * width)..<((row + 1) * width)]))
        }
      }
      if scale != 1 {
        for index in 0..<(tokens.count * width) { buffer[index] *= scale }
      }
      initialized = tokens.count * width
    }
  }

  private func project(
    _ hidden: [Float], _ segments: [Segment], _ request: LogitsRequest, _ grouping: TokenGrouping
  ) -> Logits {
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
    case .final(let counts):
      precondition(counts.count == segments.count, "a number of rows for each segment")
      var end = 0
      for (segment, count) in zip(segments, counts) {
        precondition((0...segment.tokens.count).contains(count), "more rows than tokens")
        end += segment.tokens.count
        rows += (end - count)..<end
      }
    }
    let values = [Float](unsafeUninitializedCapacity: rows.count * vocabulary) { buffer, initialized in
      initialized = rows.count * vocabulary
      guard let logits = buffer.baseAddress else { return }
      withScratch(count: rows.count * width) { normalized in
        hidden.withUnsafeBufferPointer { hidden in
          guard let base = hidden.baseAddress else { return }
          let inputs = InputRows(normalized, count: rows.count) { range in
            for index in range {
              finalNorm.apply(base + rows[index] * width, tokens: 1, into: normalized + index * width)
            }
          }
          head.apply(inputs, grouping: grouping, into: logits)
        }
      }
      if let cap = configuration.logitSoftCap { ck_active().pointee.soft_cap(logits, initialized, cap) }
    }
    return Logits(rows: rows.count, vocabularySize: vocabulary, values: values)
  }
}
