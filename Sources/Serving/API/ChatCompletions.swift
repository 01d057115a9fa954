import ChatTemplates
import Foundation
import Generation
import Hummingbird
import JSONReader
import Tokenizers

/// `POST /v1/chat/completions`.
struct ChatCompletions {
  let store: ModelStore
  /// Whether messages may spell control tokens.
  let allowsControlTokens: Bool

  /// Reads a request and puts it into the queue.
  func begin(_ fields: RequestFields) async throws -> ReplyTask {
    var parameters = try GenerationParameters(fields)
    let chat = try ChatMessages(fields)
    let format = try ResponseFormat(fields)
    let wantsProbabilities = try fields.bool("logprobs") ?? false
    let topCount = try fields.integer("top_logprobs", in: 0...20)
    guard topCount == nil || wantsProbabilities else {
      throw APIError.invalid("top_logprobs", "top_logprobs goes with logprobs: true")
    }
    if wantsProbabilities { parameters.options.logProbabilityCount = topCount ?? 0 }
    let model = try await store.model(parameters.model)
    let prompt = try prompt(chat, model, fields)
    let constraint = format.constraint(model.tokenizer, endTokenIDs: model.engine.endTokenIDs)
    let replies = try Self.submit(
      parameters.requests(prompt: prompt, constraint: constraint), to: model, promptField: "messages")
    return ReplyTask(
      kind: .chat(toolNames: chat.tools == nil ? nil : Self.names(fields)), model: model, parameters: parameters,
      replies: replies, prompts: [prompt])
  }

  private static func names(_ fields: RequestFields) -> [String] {
    (fields["tools"]?.arrayValue ?? []).compactMap { $0["function"]?["name"]?.stringValue }
  }

  private func prompt(_ chat: ChatMessages, _ model: ServedModel, _ fields: RequestFields) throws -> [Int] {
    do {
      var extra: [(String, TemplateValue)] = []
      for (key, value) in try fields.fields("chat_template_kwargs")?.json.objectValue ?? [] {
        extra.append((key, TemplateValue(value)))
      }
      return try model.tokenizer.applyChatTemplate(
        messages: chat.messages, tools: chat.tools, extra: extra, allowsControlTokens: allowsControlTokens)
    } catch let error as TemplateError where error.code == .noTemplate {
      throw APIError.invalid(
        "model", "\(model.name) has no chat template; use /v1/completions", code: "no_chat_template")
    } catch let error as TemplateError {
      throw APIError.invalid("messages", "the chat template refuses these messages: \(error.message)")
    }
  }

  /// Puts requests into a model's queue, with errors in the interface's words.
  static func submit(
    _ requests: [GenerationRequest], to model: ServedModel, promptField: String
  ) throws -> [ReplyStream] {
    do {
      return try model.engine.submit(requests)
    } catch let error as GenerationError {
      throw APIError(error, promptField: promptField)
    }
  }
}

extension APIError {
  /// What an engine refuses.
  init(_ error: GenerationError, promptField: String? = nil) {
    switch error.code {
    case .contextLengthExceeded:
      self = .invalid(promptField, error.message, code: "context_length_exceeded")
    case .queueFull:
      self.init(
        status: .tooManyRequests, message: error.message, type: "rate_limit_error", code: "queue_full", retryAfter: 1)
    case .stopped:
      self = .unavailable("the server is stopping", code: "stopping")
    case .noDistribution:
      self.init(status: .internalServerError, message: error.message, type: "server_error", code: "no_distribution")
    case .badPrompt:
      self = .invalid(promptField, error.message)
    case .invalidOption:
      self = .invalid(error.option, error.message)
    }
  }

  /// Any failure of a reply.
  init(reply error: any Error) {
    switch error {
    case let error as APIError: self = error
    case let error as GenerationError: self.init(error)
    default:
      self.init(status: .internalServerError, message: "\(error)", type: "server_error", code: "internal")
    }
  }
}
