import ChatTemplates
import TestSupport
import Testing

@testable import Generation

@Suite("Chat session")
struct ChatSessionTests {
  private let template = "{% for m in messages %}{{ m.role[0] }}{{ m.content }}{% endfor %}"

  /// A session whose model says `words` after a prompt of `promptLength` bytes.
  private func session(
    saying words: String, after promptLength: Int, template: String? = nil, system: String? = nil
  ) throws -> ChatSession {
    let ids = [Int](repeating: 0, count: promptLength - 1) + ByteTokenizer.ids(words) + [0]
    return ChatSession(
      model: try FixedModel(saying: ids, vocabulary: 256, endTokenIDs: [0]),
      tokenizer: try template.map(ByteTokenizer.make) ?? ByteTokenizer.make(), system: system,
      options: GenerationOptions(sampling: .greedy))
  }

  @Test("A reply, in one piece or streamed, becomes part of the history; it can be had again or forgotten")
  func conversation() async throws {
    let chat = try session(saying: "fine", after: 4, template: template)
    #expect(try await chat.respond(to: "How") == "fine")
    #expect(chat.messages.map(\.role) == ["user", "assistant"])
    #expect(chat.messages.map(\.content) == ["How", "fine"])
    #expect(chat.lastResult?.promptTokenCount == 4 && chat.lastResult?.finishReason == .stop)
    var again = ""
    for try await piece in chat.streamRetry() { again += piece }
    #expect(again == "fine" && chat.messages.count == 2)
    chat.reset()
    #expect(chat.messages.isEmpty)
    var streamed = ""
    for try await piece in chat.streamResponse(to: "How") { streamed += piece }
    #expect(streamed == "fine")
  }

  @Test("A system message comes first, can change, and outlives a reset")
  func system() async throws {
    let chat = try session(saying: "ok", after: 7, template: template, system: "S")
    #expect(try await chat.respond(to: "Four") == "ok")
    #expect(chat.messages.map(\.content) == ["S", "Four", "ok"])
    chat.setSystem("T")
    chat.reset()
    #expect(chat.messages == [ChatSession.Message(role: "system", content: "T")])
    chat.setSystem(nil)
    #expect(chat.messages.isEmpty)
  }

  @Test("Without a chat template, or beyond the context, the reply is an error and the history stays as it was")
  func failures() async throws {
    let plain = try session(saying: "x", after: 2)
    await #expect(throws: TemplateError.self) { try await plain.respond(to: "Hi") }
    #expect(plain.messages.isEmpty)
    let chat = try session(saying: "x", after: 2, template: template)
    let error = await #expect(throws: GenerationError.self) {
      try await chat.respond(to: String(repeating: "a", count: 100))
    }
    #expect(error?.code == .contextLengthExceeded && chat.messages.isEmpty)
  }
}
