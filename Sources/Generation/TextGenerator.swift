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
    let vocabulary = model.configuration.vocabularySize
    try check(prompt, options)
    var sampler = try Sampler(options.sampling, vocabularySize: vocabulary)
    sampler.observe(prompt: prompt)
    let limit = min(options.maximumTokens ?? .max, contextLength - prompt.count)
    let cache = model.makeCache(capacity: prompt.count + limit)
    let clock = ContinuousClock()
    let start = clock.now
    var row = try prefill(prompt, cache, isCancelled)
    let prefillEnd = clock.now
    var reply = Reply(tokenizer: tokenizer, stops: options.stopStrings, onEvent: onEvent)
    let ends = options.ignoresEndTokens ? [] : endTokenIDs
    var reason = FinishReason.length
    var steps = 0
    while let logits = row {
      if isCancelled() {
        reason = .cancelled
        break
      }
      let id = try sampler.next(logits[...])
      if ends.contains(id) {
        reason = .stop
        break
      }
      if reply.append(Self.token(id, logits, options)) {
        reason = .stop
        break
      }
      if reply.tokens.count >= limit { break }
      row = try model.forward([Segment(tokens: [id], cache: cache)], logits: .last).values
      steps += 1
    }
    if row == nil { reason = .cancelled }
    reply.finish()
    let end = clock.now
    return GenerationResult(
      text: reply.text, tokens: reply.tokens, promptTokenCount: prompt.count, finishReason: reason,
      prefillSeconds: Double(start.duration(to: prefillEnd) / .seconds(1)),
      decodeSeconds: Double(prefillEnd.duration(to: end) / .seconds(1)), decodeSteps: steps)
  }

  private func check(_ prompt: [Int], _ options: GenerationOptions) throws {
    guard !prompt.isEmpty else { throw GenerationError(.badPrompt, "the prompt has no token") }
    if let bad = prompt.first(where: { $0 < 0 || $0 >= model.configuration.vocabularySize }) {
      throw GenerationError(
        .badPrompt, "the prompt has the id \(bad), outside the vocabulary of \(model.configuration.vocabularySize)")
    }
    guard prompt.count < contextLength else {
      throw GenerationError(
        .contextLengthExceeded, "the prompt has \(prompt.count) tokens; the context holds \(contextLength)")
    }
    if let maximum = options.maximumTokens, maximum < 1 {
      throw GenerationError.invalid("maximumTokens", "at least 1", maximum)
    }
    if let count = options.logProbabilityCount, !(0...20).contains(count) {
      throw GenerationError.invalid("logProbabilityCount", "in 0...20", count)
    }
  }

  /// The logits after the prompt, or nil if the reader went away meanwhile.
  private func prefill(_ prompt: [Int], _ cache: KeyValueCache, _ isCancelled: () -> Bool) throws -> [Float]? {
    var first = 0
    while true {
      if isCancelled() { return nil }
      let end = min(first + Self.prefillChunk, prompt.count)
      let segment = Segment(tokens: Array(prompt[first..<end]), cache: cache)
      let logits = try model.forward([segment], logits: end == prompt.count ? .last : .none)
      if end == prompt.count { return logits.values }
      first = end
    }
  }

  private static func token(_ id: Int, _ logits: [Float], _ options: GenerationOptions) -> GeneratedToken {
    guard let count = options.logProbabilityCount else {
      return GeneratedToken(id: id, topLogProbabilities: [], logProbability: nil)
    }
    let probabilities = LogProbabilities(logits[...])
    return GeneratedToken(
      id: id, topLogProbabilities: probabilities.top(count),
      logProbability: Double(logits[id]) - probabilities.normalizer)
  }
}

/// A reply under construction: ids, whole characters, and what may still become a stop string.
private struct Reply {
  var tokens: [GeneratedToken] = []
  var text = ""
  private var detokenizer: StreamingDetokenizer?
  private var stops: StopMatcher
  private let onEvent: (GenerationEvent) -> Void

  init(tokenizer: Tokenizer?, stops: [String], onEvent: @escaping (GenerationEvent) -> Void) {
    detokenizer = tokenizer?.streamingDetokenizer(skipSpecialTokens: true)
    self.stops = StopMatcher(stops)
    self.onEvent = onEvent
  }

  /// Adds a token; true if a stop string is complete.
  mutating func append(_ token: GeneratedToken) -> Bool {
    tokens.append(token)
    onEvent(.token(token))
    if let piece = detokenizer?.append(token.id), !piece.isEmpty { emit(stops.append(piece)) }
    return stops.isMatched
  }

  /// Flushes a character that was cut and text that was held back for a stop string.
  mutating func finish() {
    if stops.isMatched { return }
    if let rest = detokenizer?.finish(), !rest.isEmpty { emit(stops.append(rest)) }
    if !stops.isMatched { emit(stops.finish()) }
  }

  private mutating func emit(_ piece: String) {
    if piece.isEmpty { return }
    text += piece
    onEvent(.text(piece))
  }
}
