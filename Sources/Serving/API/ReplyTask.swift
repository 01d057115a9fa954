import Foundation
import Generation
import JSONReader
import Tokenizers

/// A request whose replies are in the making.
struct ReplyTask: Sendable {
  /// Which of the two interfaces answers.
  enum Kind: Sendable {
    /// Messages; with tools, their names.
    case chat(toolNames: [String]?)
    /// Plain text, behind its prompt if that is echoed.
    case text(isEchoed: Bool)
  }

  let kind: Kind
  let model: ServedModel
  let parameters: GenerationParameters
  /// Choice by choice, prompt by prompt.
  let replies: [ReplyStream]
  let prompts: [[Int]]
  let id = UUID().uuidString.replacingOccurrences(of: "-", with: "").lowercased()
  let created = Int(Date().timeIntervalSince1970)

  var texts: TokenTexts { TokenTexts(tokenizer: model.tokenizer) }

  var isChat: Bool {
    if case .chat = kind { return true }
    return false
  }

  /// Lets the work end.
  func cancel() { for reply in replies { reply.cancel() } }

  /// The answer in one piece.
  ///
  /// - Throws: `APIError`.
  func document() async throws -> JSONValue {
    var usage = Usage()
    var choices: [JSONValue] = []
    for (index, reply) in replies.enumerated() {
      let result: GenerationResult
      do {
        result = try await reply.result()
      } catch {
        cancel()
        throw APIError(reply: error)
      }
      usage.add(result, isFirstOfPrompt: index % parameters.choices == 0)
      choices.append(choice(result, index: index))
    }
    return .object(
      head(isChunk: false) + [("choices", .array(choices)), ("usage", usage.json)])
  }

  /// The fields that all parts of the answer share.
  func head(isChunk: Bool) -> [(key: String, value: JSONValue)] {
    let object = isChat ? (isChunk ? "chat.completion.chunk" : "chat.completion") : "text_completion"
    return [
      ("id", .string((isChat ? "chatcmpl-" : "cmpl-") + id)), ("object", .string(object)),
      ("created", .integer(created)), ("model", .string(model.name)),
    ]
  }

  private func choice(_ result: GenerationResult, index: Int) -> JSONValue {
    let wanted = parameters.options.logProbabilityCount != nil
    switch kind {
    case .chat(let toolNames):
      let calls = toolNames.flatMap { ToolCalls(in: result.text, names: $0) }
      var message: [(key: String, value: JSONValue)] = [
        ("role", .string("assistant")),
        ("content", calls.map { $0.content.isEmpty ? .null : .string($0.content) } ?? .string(result.text)),
      ]
      if let calls { message.append(("tool_calls", .array(calls.json))) }
      let reason = calls == nil ? result.finishReason.rawValue : "tool_calls"
      return .object([
        ("index", .integer(index)), ("message", .object(message)),
        (
          "logprobs",
          wanted ? .object([("content", .array(result.tokens.map(texts.chatEntry)))]) : .null
        ),
        ("finish_reason", .string(reason)),
      ])
    case .text(let isEchoed):
      let prompt = isEchoed ? model.tokenizer.decode(prompts[index / parameters.choices]) : ""
      // Programs that score texts take it that one token was drawn; that may have been the one that ends a text.
      let tokens = (isEchoed ? result.promptTokens : []) + result.tokens + (result.endToken.map { [$0] } ?? [])
      return .object([
        ("index", .integer(index)), ("text", .string(prompt + result.text)),
        ("logprobs", wanted ? texts.completionEntries(tokens) : .null),
        ("finish_reason", .string(result.finishReason.rawValue)),
      ])
    }
  }
}
