import JSONReader

/// Reads the `tokenizer.json` of the Hugging Face `tokenizers` library.
struct TokenizerJSON {
  /// The file, for messages.
  let file: String
  let content: TokenizerJSONContent

  /// The parts of the tokenizer; refuses by name what is not supported.
  func parts() throws -> TokenizerParts {
    var steps = try preTokenizerSteps(field("pre_tokenizer"))
    let normalizer = try normalizer(field("normalizer"))
    let added = try addedTokens()
    let model = try model(added, steps: &steps)
    let pieces = TokenSpellings(model.vocabulary, added: added)
    return TokenizerParts(
      pieces: pieces, model: model.model, cuts: model.cuts, addedTokens: added, normalizer: normalizer,
      preTokenizerSteps: steps, decoder: try decoder(field("decoder")),
      template: try template(field("post_processor"), tokens: pieces), notes: notes)
  }

  private func field(_ name: String) -> JSONValue { JSONValue.object(content.root).field(name) }

  private var notes: [String] {
    ["truncation", "padding"].filter { !field($0).isNull }.map { "\(file): \($0) is ignored" }
  }

  /// The error for a part that this library does not have.
  func unsupported(_ part: String, _ name: String) -> TokenizerError {
    TokenizerError(
      .unsupportedPart,
      "\(file): \(part) \"\(name)\" is not supported; see Documentation/Tokenizers.md for what is, or export the "
        + "tokenizer without it")
  }

  /// The error for a part that is not as the format says.
  func malformed(_ what: String) -> TokenizerError { TokenizerError(.malformedFile, "\(file): \(what)") }

  private func addedTokens() throws -> [AddedToken] {
    try field("added_tokens").elements.map { token in
      guard let id = token.field("id").intValue, let content = token.field("content").stringValue else {
        throw malformed("an entry of added_tokens lacks its id or content")
      }
      return AddedToken(
        id: id, content: Array(content.utf8), singleWord: token.field("single_word").flag,
        stripsLeft: token.field("lstrip").flag, stripsRight: token.field("rstrip").flag,
        normalized: token.field("normalized").flag, special: token.field("special").flag)
    }
  }
}
