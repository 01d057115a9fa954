import Foundation
import Generation
import JSONReader
import Tokenizers

/// `POST /v1/completions`.
struct Completions {
  let store: ModelStore

  /// The most prompts of one request.
  private static let promptLimit = 256

  /// Reads a request and puts it into the queue.
  func begin(_ fields: RequestFields) async throws -> ReplyTask {
    var parameters = try GenerationParameters(fields)
    if parameters.options.maximumTokens == nil { parameters.options.maximumTokens = 16 }
    guard try fields.string("suffix") == nil else { throw APIError.invalid("suffix", "suffix is not supported") }
    if let best = try fields.integer("best_of", in: 1...GenerationParameters.choiceLimit), best != parameters.choices {
      throw APIError.invalid("best_of", "best_of is not supported beyond n, which is \(parameters.choices)")
    }
    let isEchoed = try fields.bool("echo") ?? false
    guard !isEchoed || !parameters.isStreamed else { throw APIError.invalid("echo", "echo cannot be streamed") }
    parameters.options.logProbabilityCount = try fields.integer("logprobs", in: 0...20)
    let format = try ResponseFormat(fields)
    let model = try await store.model(parameters.model)
    let prompts = try prompts(fields, model.tokenizer)
    let constraint = format.constraint(model.tokenizer, endTokenIDs: model.engine.endTokenIDs)
    let requests = prompts.flatMap {
      parameters.requests(
        prompt: $0, promptLogProbabilityCount: isEchoed ? parameters.options.logProbabilityCount : nil,
        constraint: constraint)
    }
    return ReplyTask(
      kind: .text(isEchoed: isEchoed), model: model, parameters: parameters,
      replies: try ChatCompletions.submit(requests, to: model, promptField: "prompt"), prompts: prompts)
  }

  /// A text, a list of texts, a list of ids, or a list of those.
  private func prompts(_ fields: RequestFields, _ tokenizer: Tokenizer) throws -> [[Int]] {
    guard let value = fields["prompt"] else { throw fields.error("prompt", "given") }
    let rule = "a string, a list of strings, a list of token ids, or a list of such lists"
    func ids(_ value: JSONValue) throws -> [Int] {
      guard let items = value.arrayValue else { throw fields.error("prompt", rule) }
      return try items.map {
        guard case .integer(let id) = $0, id >= 0 else { throw fields.error("prompt", rule) }
        return id
      }
    }
    if let text = value.stringValue { return [try encode(text, tokenizer)] }
    guard let items = value.arrayValue, !items.isEmpty else { throw fields.error("prompt", rule) }
    if case .integer = items[0] { return [try ids(value)] }
    guard items.count <= Self.promptLimit else {
      throw fields.error("prompt", "of at most \(Self.promptLimit) prompts")
    }
    return try items.map { try $0.stringValue.map { try encode($0, tokenizer) } ?? ids($0) }
  }

  private func encode(_ text: String, _ tokenizer: Tokenizer) throws -> [Int] {
    do {
      return try tokenizer.encode(text)
    } catch let error as TokenizerError {
      throw APIError.invalid("prompt", error.message)
    }
  }
}
