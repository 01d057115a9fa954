public import LanguageModels
public import Tokenizers

/// Continues prompts with a model.
///
/// ```swift
/// let generator = TextGenerator(model: model, tokenizer: tokenizer)
/// for try await event in generator.stream(try tokenizer.encode("Once upon a time")) {
///   if case .text(let text) = event { print(text, terminator: "") }
/// }
/// ```
public struct TextGenerator: Sendable {
  /// The model that is asked.
  public let model: any CausalLanguageModel
  /// Turns ids into text; without one, replies have ids only.
  public let tokenizer: Tokenizer?
  /// The most positions of prompt and reply together.
  public let contextLength: Int

  /// Prompt tokens processed in one pass: enough for matrix products, few enough to react to cancellation.
  private static let prefillChunk = 512

  /// A generator; `contextLength` defaults to the model's own.
  public init(model: any CausalLanguageModel, tokenizer: Tokenizer?, contextLength: Int? = nil) {
    self.model = model
    self.tokenizer = tokenizer
    self.contextLength = min(
      contextLength ?? model.configuration.maximumPositions, model.configuration.maximumPositions)
  }

  /// Ids that end a reply: those of the configuration files and of the tokenizer.
  public var endTokenIDs: Set<Int> { model.configuration.endTokenIDs.union(tokenizer?.eosIDs ?? []) }

  /// The reply as a stream of events; work stops soon after the reader goes away.
  ///
  /// Errors are those of `generate(_:options:isCancelled:onEvent:)`.
  public func stream(
    _ prompt: [Int], options: GenerationOptions = GenerationOptions()
  ) -> AsyncThrowingStream<GenerationEvent, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task.detached {
        do {
          let result = try generate(
            prompt, options: options, isCancelled: { Task.isCancelled }, onEvent: { continuation.yield($0) })
          continuation.yield(.finished(result))
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  /// Makes the whole reply on the calling thread; `onEvent` is told tokens and text as they come.
  ///
  /// - Throws: `GenerationError`: `badPrompt`, `contextLengthExceeded` with both numbers, `invalidOption`, or
  ///   `noDistribution`.
  public func generate(
    _ prompt: [Int], options: GenerationOptions = GenerationOptions(), isCancelled: () -> Bool = { false },
    onEvent: @escaping (GenerationEvent) -> Void = { _ in }
  ) throws -> GenerationResult {
    let request = GenerationRequest(prompt: prompt, options: options)
    let vocabulary = model.configuration.vocabularySize
    let limit = try request.limit(vocabularySize: vocabulary, contextLength: contextLength)
    let sequence = GenerationSequence(
      request, sampler: try Sampler(options.sampling, vocabularySize: vocabulary),
      cache: model.makeCache(capacity: prompt.count + limit), limit: limit, endTokenIDs: endTokenIDs,
      tokenizer: tokenizer, onEvent: onEvent)
    while sequence.finishReason == nil {
      if isCancelled() { return sequence.finish(.cancelled) }
      let segment = sequence.nextSegment(chunk: Self.prefillChunk)
      let logits = try model.forward(
        [segment], logits: sequence.request(for: segment), grouping: sequence.grouping)
      try sequence.accept(logits, segment: segment)
    }
    return sequence.finish()
  }
}
