import Generation
import JSONReader
import Tokenizers

/// Tokens and their probabilities as the interface spells them.
struct TokenTexts {
  let tokenizer: Tokenizer

  private func bytes(_ id: Int) -> [UInt8] { tokenizer.bytes(of: id) ?? [] }

  /// The token's text; bytes that are no whole characters are written `bytes:\xe2\x80`.
  func text(_ id: Int) -> String {
    let bytes = bytes(id)
    let text = String(decoding: bytes, as: UTF8.self)
    if Array(text.utf8) == bytes { return text }
    let digits = bytes.map { byte in
      let hex = String(byte, radix: 16)
      return "\\x" + (hex.count == 1 ? "0" : "") + hex
    }
    return "bytes:" + digits.joined()
  }

  /// One entry of a chat completion's `logprobs.content`.
  func chatEntry(_ token: GeneratedToken) -> JSONValue {
    func entry(_ id: Int, _ value: Double) -> [(key: String, value: JSONValue)] {
      [
        ("token", .string(text(id))), ("logprob", .number(value)),
        ("bytes", .array(bytes(id).map { .integer(Int($0)) })),
      ]
    }
    let top = token.topLogProbabilities.map { JSONValue.object(entry($0.id, $0.value)) }
    return .object(entry(token.id, token.logProbability ?? 0) + [("top_logprobs", .array(top))])
  }

  /// The `logprobs` of a plain completion whose text begins with `tokens`; offsets count characters from `offset` on.
  func completionEntries(_ tokens: [GeneratedToken], offset: Int = 0) -> JSONValue {
    var offsets: [JSONValue] = []
    var position = offset
    for token in tokens {
      offsets.append(.integer(position))
      position += String(decoding: bytes(token.id), as: UTF8.self).unicodeScalars.count
    }
    let top = tokens.map { token -> JSONValue in
      guard token.logProbability != nil else { return .null }
      return .object(token.topLogProbabilities.map { (text($0.id), .number($0.value)) })
    }
    return .object([
      ("tokens", .array(tokens.map { .string(text($0.id)) })),
      ("token_logprobs", .array(tokens.map { $0.logProbability.map(JSONValue.number) ?? .null })),
      ("top_logprobs", .array(top)), ("text_offset", .array(offsets)),
    ])
  }
}
