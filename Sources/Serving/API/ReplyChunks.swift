import Generation
import JSONReader

/// The answer of a task as a stream of server-sent events.
struct ReplyChunks: Sendable {
  let task: ReplyTask

  /// One event of one of the replies.
  private enum Step: Sendable {
    case event(choice: Int, GenerationEvent)
    case failure(any Error)
  }

  /// Hands over the lines of the stream as they come; returns when all is said.
  func write(_ send: (String) async throws -> Void) async throws {
    var usage = Usage()
    let (steps, continuation) = AsyncStream<Step>.makeStream()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        await withTaskGroup(of: Void.self) { readers in
          for (choice, reply) in task.replies.enumerated() {
            readers.addTask {
              do {
                for try await event in reply { continuation.yield(.event(choice: choice, event)) }
              } catch {
                continuation.yield(.failure(error))
              }
            }
          }
        }
        continuation.finish()
      }
      var choices = task.replies.indices.map { ChoiceChunks(task: task, index: $0) }
      if task.isChat {
        for choice in choices { try await send(line(choice.opening)) }
      }
      for await step in steps {
        switch step {
        case .failure(let error):
          try await send(Self.line(APIError(reply: error).json))
          task.cancel()
          group.cancelAll()
          return
        case .event(let index, let event):
          if case .finished(let result) = event {
            usage.add(result, isFirstOfPrompt: index % task.parameters.choices == 0)
          }
          for choice in choices[index].chunks(event) { try await send(line(choice)) }
        }
      }
      if task.parameters.includesUsage {
        try await send(
          Self.line(.object(task.head(isChunk: true) + [("choices", .array([])), ("usage", usage.json)])))
      }
      try await send("data: [DONE]\n\n")
    }
  }

  private func line(_ choice: JSONValue) -> String {
    Self.line(.object(task.head(isChunk: true) + [("choices", .array([choice]))]))
  }

  private static func line(_ json: JSONValue) -> String { "data: \(json.serialized(pretty: false))\n\n" }
}

/// The pieces of one choice.
private struct ChoiceChunks {
  let task: ReplyTask
  let index: Int
  /// Tokens since the last piece of text.
  private var tokens: [GeneratedToken] = []
  private var offset = 0
  private var tools: ToolCallStream?

  init(task: ReplyTask, index: Int) {
    self.task = task
    self.index = index
    if case .chat(let names?) = task.kind { tools = ToolCallStream(names: names) }
  }

  /// The first piece of a chat's reply.
  var opening: JSONValue { chunk([("role", .string("assistant")), ("content", .string(""))], nil) }

  mutating func chunks(_ event: GenerationEvent) -> [JSONValue] {
    switch event {
    case .token(let token):
      if task.parameters.options.logProbabilityCount != nil { tokens.append(token) }
      return []
    case .text(let text):
      let shown = tools?.append(text) ?? text
      return shown.isEmpty ? [] : [piece(shown)]
    case .finished(let result):
      if !task.isChat, task.parameters.options.logProbabilityCount != nil, let end = result.endToken {
        tokens.append(end)
      }
      guard var tools else { return rest() + [closing(result.finishReason.rawValue)] }
      let end = tools.finish()
      self.tools = tools
      var chunks = end.text.isEmpty ? [] : [piece(end.text)]
      if let calls = end.calls {
        let entries = calls.json.enumerated().map { index, call in
          JSONValue.object([("index", .integer(index))] + (call.objectValue ?? []))
        }
        chunks.append(chunk([("tool_calls", .array(entries))], nil))
      }
      return chunks + rest() + [closing(end.calls == nil ? result.finishReason.rawValue : "tool_calls")]
    }
  }

  /// Tokens behind which no text came: the end of a stop string, say.
  private mutating func rest() -> [JSONValue] { tokens.isEmpty ? [] : [piece("")] }

  private func closing(_ reason: String) -> JSONValue { task.isChat ? chunk([], reason) : text("", reason, .null) }

  /// A piece of text with the tokens that made it.
  private mutating func piece(_ text: String) -> JSONValue {
    defer {
      offset += text.unicodeScalars.count
      tokens = []
    }
    let wanted = task.parameters.options.logProbabilityCount != nil
    guard task.isChat else {
      return self.text(text, nil, wanted ? task.texts.completionEntries(tokens, offset: offset) : .null)
    }
    return chunk(
      [("content", .string(text))], nil,
      logprobs: wanted ? .object([("content", .array(tokens.map(task.texts.chatEntry)))]) : nil)
  }

  private func chunk(
    _ delta: [(key: String, value: JSONValue)], _ reason: String?, logprobs: JSONValue? = nil
  ) -> JSONValue {
    .object([
      ("index", .integer(index)), ("delta", .object(delta)), ("logprobs", logprobs ?? .null),
      ("finish_reason", reason.map(JSONValue.string) ?? .null),
    ])
  }

  private func text(_ text: String, _ reason: String?, _ logprobs: JSONValue) -> JSONValue {
    .object([
      ("index", .integer(index)), ("text", .string(text)), ("logprobs", logprobs),
      ("finish_reason", reason.map(JSONValue.string) ?? .null),
    ])
  }
}
