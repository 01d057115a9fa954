/// What an engine may use.
public struct EngineLimits: Sendable {
  /// The most replies that are made at once.
  public var parallel: Int
  /// The most requests that wait.
  public var queue: Int
  /// The most positions of a prompt and its reply; nil for the model's own.
  public var contextLength: Int?
  /// Tokens of a prompt that are computed between two steps of the replies.
  public var promptChunk: Int
  /// Bytes of keys and values that are kept of finished requests.
  public var cacheBytes: Int

  /// Limits that differ from the defaults in what is given.
  public init(
    parallel: Int = 4, queue: Int = 64, contextLength: Int? = nil, promptChunk: Int = 128, cacheBytes: Int = 1 << 28
  ) {
    self.parallel = parallel
    self.queue = queue
    self.contextLength = contextLength
    self.promptChunk = promptChunk
    self.cacheBytes = cacheBytes
  }
}

/// What an engine does and has done.
public struct EngineStatistics: Sendable {
  /// Replies in the making.
  public var active = 0
  /// Requests that wait.
  public var queued = 0
  /// Requests that were answered to the end.
  public var finished = 0
  /// Requests whose reader went away.
  public var cancelled = 0
  /// Requests that failed.
  public var failed = 0
  /// Tokens of prompts that were computed.
  public var promptTokens = 0
  /// Tokens of prompts that were known.
  public var cachedTokens = 0
  /// Tokens of replies.
  public var replyTokens = 0
  /// Forward passes for replies; with `replyTokens` it tells how full they were.
  public var steps = 0
  /// Seconds spent on prompts.
  public var promptSeconds = 0.0
  /// Seconds spent on replies.
  public var replySeconds = 0.0
}
