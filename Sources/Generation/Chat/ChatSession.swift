import ChatTemplates
public import LanguageModels
import Synchronization
public import Tokenizers

/// A conversation with a model.
///
/// ```swift
/// let chat = ChatSession(model: try ModelRegistry.load(folder), tokenizer: try Tokenizer(folder: folder.path))
/// print(try await chat.respond(to: "What is the capital of France?"))
/// for try await piece in chat.streamResponse(to: "And of Italy?") { print(piece, terminator: "") }
/// ```
///
/// What of the conversation was computed before is not computed again. Text of messages cannot forge control tokens unless
/// `allowsControlTokens` is set.
public final class ChatSession: Sendable {
  /// Who says what.
  public struct Message: Sendable, Equatable {
    /// `system`, `user` or `assistant`.
    public var role: String
    /// The text.
    public var content: String

    /// A message.
    public init(role: String, content: String) {
      self.role = role
      self.content = content
    }
  }

  private struct State {
    var messages: [Message] = []
    var options: GenerationOptions
    var last: GenerationResult?
  }

  /// Makes the replies; it may serve other conversations too.
  public let engine: GenerationEngine
  private let tokenizer: Tokenizer
  private let allowsControlTokens: Bool
  private let state: Mutex<State>

  /// A conversation with a model of one's own.
  public convenience init(
    model: any CausalLanguageModel, tokenizer: Tokenizer, system: String? = nil,
    options: GenerationOptions = GenerationOptions(), allowsControlTokens: Bool = false
  ) {
    self.init(
      engine: GenerationEngine(model: model, tokenizer: tokenizer), tokenizer: tokenizer, system: system,
      options: options, allowsControlTokens: allowsControlTokens)
  }

  /// A conversation with a model that others may talk to as well.
  public init(
    engine: GenerationEngine, tokenizer: Tokenizer, system: String? = nil,
    options: GenerationOptions = GenerationOptions(), allowsControlTokens: Bool = false
  ) {
    self.engine = engine
    self.tokenizer = tokenizer
    self.allowsControlTokens = allowsControlTokens
    state = Mutex(State(options: options))
    if let system { setSystem(system) }
  }

  /// What was said so far.
  public var messages: [Message] {
    get { state.withLock { $0.messages } }
    set { state.withLock { $0.messages = newValue } }
  }

  /// How replies are made.
  public var options: GenerationOptions {
    get { state.withLock { $0.options } }
    set { state.withLock { $0.options = newValue } }
  }

  /// What the last reply cost.
  public var lastResult: GenerationResult? { state.withLock { $0.last } }

  /// Sets the message that comes before all others, or removes it.
  public func setSystem(_ text: String?) {
    state.withLock { state in
      if state.messages.first?.role == "system" { state.messages.removeFirst() }
      if let text { state.messages.insert(Message(role: "system", content: text), at: 0) }
    }
  }

  /// Forgets everything but the system message.
  public func reset() { state.withLock { $0.messages.removeAll { $0.role != "system" } } }

  /// Says something and waits for the reply.
  ///
  /// - Throws: `TemplateError` where the model has no chat template or it refuses; `GenerationError`, of which
  ///   `contextLengthExceeded` says that the conversation is too long.
  public func respond(to text: String) async throws -> String {
    var reply = ""
    for try await piece in streamResponse(to: text) { reply += piece }
    return reply
  }

  /// Says something and hears the reply as it comes; where the reader stops, what was said until then stays in the history.
  public func streamResponse(to text: String) -> AsyncThrowingStream<String, any Error> {
    stream(adding: Message(role: "user", content: text))
  }

  /// Takes the last reply back and has another one made.
  public func streamRetry() -> AsyncThrowingStream<String, any Error> {
    state.withLock { if $0.messages.last?.role == "assistant" { $0.messages.removeLast() } }
    return stream(adding: nil)
  }

  private func stream(adding message: Message?) -> AsyncThrowingStream<String, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task {
        do {
          try await reply(adding: message) { continuation.yield($0) }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  private func reply(adding message: Message?, _ onText: (String) -> Void) async throws {
    let (messages, options) = state.withLock { ($0.messages + (message.map { [$0] } ?? []), $0.options) }
    let prompt = try tokenizer.applyChatTemplate(
      messages: messages.map { .message(role: $0.role, content: $0.content) },
      allowsControlTokens: allowsControlTokens)
    let events = try engine.submit(GenerationRequest(prompt: prompt, options: options))
    var text = ""
    defer {
      state.withLock { $0.messages = messages + [Message(role: "assistant", content: text)] }
    }
    for try await event in events {
      switch event {
      case .text(let piece):
        text += piece
        onText(piece)
      case .finished(let result): state.withLock { $0.last = result }
      case .token: break
      }
    }
    if Task.isCancelled { events.cancel() }
  }
}
