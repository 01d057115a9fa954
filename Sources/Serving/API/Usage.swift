import Generation
import JSONReader

/// Tokens that a request took.
struct Usage {
  var prompt = 0
  var reply = 0
  var cached = 0

  /// Adds a reply; those to one prompt share its tokens.
  mutating func add(_ result: GenerationResult, isFirstOfPrompt: Bool) {
    if isFirstOfPrompt {
      prompt += result.promptTokenCount
      cached += result.cachedTokenCount
    }
    reply += result.tokens.count
  }

  var json: JSONValue {
    .object([
      ("prompt_tokens", .integer(prompt)), ("completion_tokens", .integer(reply)),
      ("total_tokens", .integer(prompt + reply)),
      ("prompt_tokens_details", .object([("cached_tokens", .integer(cached))])),
    ])
  }
}
