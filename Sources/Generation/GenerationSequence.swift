import LanguageModels
import Tokenizers

/// One reply in the making: the prompt's way into the cache, then token after token.
///
/// Tokens of the prompt share work among themselves, in chunks of any size; those of the reply are computed each by itself.
/// So a reply is the same to the last bit whatever else is computed beside it, and however the prompt is cut.
final class GenerationSequence {
  let prompt: [Int]
  let options: GenerationOptions
  let cache: KeyValueCache
  private let limit: Int
  private let endTokenIDs: Set<Int>
  private let promptLogProbabilityCount: Int?
  private var constraint: (any TokenConstraint)?
  private var sampler: Sampler
  private var reply: Reply
  private var last: Int?
  private var promptTokens: [GeneratedToken] = []
  /// Why the reply ended, once it has.
  private(set) var finishReason: FinishReason?
  private var endToken: GeneratedToken?
  private let start: ContinuousClock.Instant
  private var promptEnd: ContinuousClock.Instant?
  private var steps = 0
  /// Tokens of the prompt that the cache had from the start.
  private let cachedCount: Int

  /// - Parameters:
  ///   - cache: holds a beginning of the prompt, or nothing; it has room for prompt and reply.
  ///   - limit: the most tokens of the reply.
  init(
    _ request: GenerationRequest, sampler: Sampler, cache: KeyValueCache, limit: Int, endTokenIDs: Set<Int>,
    tokenizer: Tokenizer?, onEvent: @escaping (GenerationEvent) -> Void
  ) {
    prompt = request.prompt
    options = request.options
    promptLogProbabilityCount = request.promptLogProbabilityCount
    constraint = request.constraint
    self.cache = cache
    self.limit = limit
    self.endTokenIDs = request.options.ignoresEndTokens ? [] : endTokenIDs
    self.sampler = sampler
    self.sampler.observe(prompt: request.prompt)
    reply = Reply(tokenizer: tokenizer, stops: request.options.stopStrings, onEvent: onEvent)
    cachedCount = cache.count
    start = .now
    if promptLogProbabilityCount != nil, let first = request.prompt.first {
      promptTokens = [GeneratedToken(id: first, topLogProbabilities: [], logProbability: nil)]
    }
  }

  /// Whether tokens of the prompt are still to be computed.
  var isInPrompt: Bool { cache.count < prompt.count }

  /// The next tokens to compute: a chunk of the prompt, or the last token drawn.
  func nextSegment(chunk: Int) -> Segment {
    if isInPrompt {
      return Segment(tokens: Array(prompt[cache.count..<min(cache.count + chunk, prompt.count)]), cache: cache)
    }
    return Segment(tokens: last.map { [$0] } ?? [], cache: cache)
  }

  /// How the next segment is computed.
  var grouping: TokenGrouping { isInPrompt ? .together : .alone }

  /// Which logits the next segment is asked for.
  func request(for segment: Segment) -> LogitsRequest {
    guard isInPrompt else { return .last }
    if promptLogProbabilityCount != nil { return .all }
    return cache.count + segment.tokens.count == prompt.count ? .last : .none
  }

  /// Takes the logits of the segment just computed; draws the next token once the prompt is through.
  ///
  /// - Throws: `GenerationError` (`noDistribution`).
  func accept(_ logits: Logits, firstRow: Int = 0, segment: Segment) throws {
    if promptEnd == nil {
      if promptLogProbabilityCount != nil { notePrompt(logits, segment) }
      guard !isInPrompt else { return }
      promptEnd = .now
      let row = promptLogProbabilityCount == nil ? firstRow : firstRow + segment.tokens.count - 1
      return try draw(logits.row(row))
    }
    steps += 1
    try draw(logits.row(firstRow))
  }

  private func notePrompt(_ logits: Logits, _ segment: Segment) {
    let first = cache.count - segment.tokens.count
    for offset in segment.tokens.indices where first + offset + 1 < prompt.count {
      promptTokens.append(
        Self.token(prompt[first + offset + 1], logits.row(offset), topCount: promptLogProbabilityCount))
    }
  }

  private func draw(_ row: ArraySlice<Float>) throws {
    let id: Int
    if let constraint {
      guard let allowed = try sampler.next(row, where: { constraint.allows($0) }) else {
        finishReason = .stop
        return
      }
      id = allowed
    } else {
      id = try sampler.next(row)
    }
    if endTokenIDs.contains(id) {
      endToken = Self.token(id, row, topCount: options.logProbabilityCount)
      finishReason = .stop
      return
    }
    constraint?.append(id)
    if reply.append(Self.token(id, row, topCount: options.logProbabilityCount)) {
      finishReason = .stop
    } else if reply.tokens.count >= limit {
      finishReason = .length
    }
    last = id
  }

  private static func token(_ id: Int, _ row: ArraySlice<Float>, topCount: Int?) -> GeneratedToken {
    guard let topCount else { return GeneratedToken(id: id, topLogProbabilities: [], logProbability: nil) }
    let probabilities = LogProbabilities(row)
    return GeneratedToken(
      id: id, topLogProbabilities: probabilities.top(topCount), logProbability: probabilities[id])
  }

  /// Ends the reply and says what it was.
  func finish(_ reason: FinishReason? = nil) -> GenerationResult {
    reply.finish()
    let end = ContinuousClock.now
    let promptEnd = promptEnd ?? end
    return GenerationResult(
      text: reply.text, tokens: reply.tokens, endToken: endToken, promptTokens: promptTokens,
      promptTokenCount: prompt.count,
      cachedTokenCount: cachedCount, finishReason: reason ?? finishReason ?? .cancelled,
      prefillSeconds: Double(start.duration(to: promptEnd) / .seconds(1)),
      decodeSeconds: Double(promptEnd.duration(to: end) / .seconds(1)), decodeSteps: steps)
  }
}

/// Says which tokens may follow, for output that must have a form.
public protocol TokenConstraint: Sendable {
  /// Whether a token may come next; end tokens are asked about too.
  func allows(_ id: Int) -> Bool
  /// Takes a token that was drawn.
  mutating func append(_ id: Int)
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
