/// One token of a reply.
public struct GeneratedToken: Sendable, Equatable {
  /// Its id.
  public let id: Int
  /// The most likely tokens at its place with their natural log-probabilities (before temperature), if asked for.
  public let topLogProbabilities: [TokenLogProbability]
  /// Its own natural log-probability, if any were asked for.
  public let logProbability: Double?
}

/// Why a reply ended.
public enum FinishReason: String, Sendable {
  /// The model ended the text, or a stop string appeared.
  case stop
  /// The limit of tokens or the context was reached.
  case length
  /// The reader went away.
  case cancelled
}

/// A finished reply and what it cost.
public struct GenerationResult: Sendable {
  /// The reply without end tokens and stop strings.
  public let text: String
  /// The tokens of the reply, without the one that ended it.
  public let tokens: [GeneratedToken]
  /// The token that ended the reply, if one did.
  public let endToken: GeneratedToken?
  /// The tokens of the prompt with their log-probabilities, if those were asked for; the first one has none.
  public let promptTokens: [GeneratedToken]
  /// Tokens of the prompt.
  public let promptTokenCount: Int
  /// Tokens of the prompt that were known from an earlier request.
  public let cachedTokenCount: Int
  /// Why it ended.
  public let finishReason: FinishReason
  /// Seconds spent on the prompt.
  public let prefillSeconds: Double
  /// Seconds spent on the reply.
  public let decodeSeconds: Double
  /// Forward passes of one token, which `decodeSeconds` is the time of.
  public let decodeSteps: Int

  /// Prompt tokens over prefill time.
  public var prefillTokensPerSecond: Double { prefillSeconds > 0 ? Double(promptTokenCount) / prefillSeconds : 0 }

  /// Tokens decoded over decoding time.
  public var decodeTokensPerSecond: Double { decodeSeconds > 0 ? Double(decodeSteps) / decodeSeconds : 0 }
}

/// What a stream of a reply consists of; `finished` comes last, once.
public enum GenerationEvent: Sendable {
  /// A token was drawn.
  case token(GeneratedToken)
  /// Whole characters that can no longer belong to a stop string.
  case text(String)
  /// The reply is complete.
  case finished(GenerationResult)
}
