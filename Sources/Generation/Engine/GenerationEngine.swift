import Foundation
public import LanguageModels
public import Tokenizers

/// Answers many requests with one model: replies are made together, step by step, and join and leave at any step.
///
/// Requests wait in the order of their arrival. Between two steps of the replies one chunk of one newcomer's prompt is
/// computed, so that no stream stalls for longer. A greedy reply is the same to the last bit as if it were made alone.
///
/// ```swift
/// let engine = GenerationEngine(model: model, tokenizer: tokenizer)
/// for try await event in try engine.submit(GenerationRequest(prompt: ids)) { … }
/// ```
public final class GenerationEngine: Sendable {
  private let core: EngineCore
  /// Turns ids into text.
  public let tokenizer: Tokenizer?
  /// The model that answers.
  public let model: any CausalLanguageModel
  /// The most positions of a prompt and its reply.
  public let contextLength: Int

  /// An engine with a thread of its own, which ends with the engine.
  public init(model: any CausalLanguageModel, tokenizer: Tokenizer?, limits: EngineLimits = EngineLimits()) {
    self.model = model
    self.tokenizer = tokenizer
    let positions = model.configuration.maximumPositions
    contextLength = min(limits.contextLength ?? positions, positions)
    core = EngineCore(
      model: model, tokenizer: tokenizer, limits: limits, contextLength: contextLength)
    let thread = Thread { [core] in core.run() }
    thread.name = "vptq engine"
    thread.stackSize = 8 << 20
    thread.start()
  }

  deinit { core.stop() }

  /// Ids that end a reply: those of the configuration files and of the tokenizer.
  public var endTokenIDs: Set<Int> { core.endTokenIDs }

  /// What is going on.
  public var statistics: EngineStatistics { core.statistics }

  /// Puts a request into the queue; its events come as they happen, and the work ends soon after the reader goes away.
  ///
  /// - Throws: `GenerationError`: `badPrompt`, `contextLengthExceeded`, `invalidOption`, or `queueFull`. What goes wrong later ends
  ///   the stream.
  public func submit(_ request: GenerationRequest) throws -> ReplyStream {
    try submit([request])[0]
  }

  /// Puts several requests into the queue, or none of them.
  public func submit(_ requests: [GenerationRequest]) throws -> [ReplyStream] {
    try core.submit(requests)
  }

  /// Ends the engine: requests in the queue and at work end as cancelled.
  public func stop() { core.stop() }
}
