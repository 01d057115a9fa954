import JSONReader

/// Reads the `tokenizer.json` of the Hugging Face `tokenizers` library.
struct TokenizerJSON {
  /// The file, for messages.
  let file: String
  let root: JSONValue

  /// The parts of the tokenizer; refuses by name what is not supported.
  func parts() throws -> TokenizerParts {
    let steps = try preTokenizerSteps(root.field("pre_tokenizer"))
    var vocabulary = try bytePairVocabulary(root.field("model"))
    vocabulary.isByteLevel = steps.isByteLevel
    vocabulary.addedTokens = try addedTokens()
    let tables = try vocabulary.tables()
    return TokenizerParts(
      pieces: tables.pieces, model: tables.model, addedTokens: vocabulary.addedTokens,
      normalizer: try normalizer(root.field("normalizer")), preTokenizerSteps: steps.steps,
      decoder: try decoder(root.field("decoder")),
      template: try template(root.field("post_processor"), tokens: tables.pieces))
  }

  /// The error for a part that this library does not have.
  func unsupported(_ part: String, _ name: String) -> TokenizerError {
    TokenizerError(
      .unsupportedPart, "\(file): \(part) \"\(name)\" is not supported; only BPE tokenizers of known parts are")
  }

  /// The error for a part that is not as the format says.
  func malformed(_ what: String) -> TokenizerError { TokenizerError(.malformedFile, "\(file): \(what)") }

  private func addedTokens() throws -> [AddedToken] {
    try root.field("added_tokens").elements.map { token in
      guard let id = token.field("id").intValue, let content = token.field("content").stringValue else {
        throw malformed("an entry of added_tokens lacks its id or content")
      }
      return AddedToken(
        id: id, content: Array(content.utf8), singleWord: token.field("single_word").flag,
        stripsLeft: token.field("lstrip").flag, stripsRight: token.field("rstrip").flag,
        normalized: token.field("normalized").flag, special: token.field("special").flag)
    }
  }

  private func bytePairVocabulary(_ model: JSONValue) throws -> BytePairVocabulary {
    let type = model.field("type").stringValue ?? (model.field("merges").isNull ? "unnamed" : "BPE")
    guard type == "BPE" else { throw unsupported("model", type) }
    if model.field("dropout").doubleValue ?? 0 != 0 { throw unsupported("model option", "dropout") }
    for option in ["continuing_subword_prefix", "end_of_word_suffix"] where model.field(option).stringValue ?? "" != ""
    {
      throw unsupported("model option", option)
    }
    guard case .object(let entries) = model.field("vocab") else { throw malformed("model.vocab is not an object") }
    var vocabulary = BytePairVocabulary(file: file)
    vocabulary.entries = try entries.map { entry in
      guard let id = entry.value.intValue else { throw malformed("the id of \"\(entry.key)\" is not an integer") }
      return (entry.key, id)
    }
    vocabulary.merges = try model.field("merges").elements.enumerated().map { rank, merge in
      if let text = merge.stringValue { return try splitMerge(text, rank: rank, file: file) }
      let pair = merge.elements
      guard pair.count == 2, let left = pair[0].stringValue, let right = pair[1].stringValue else {
        throw malformed("merge \(rank) is neither \"a b\" nor [\"a\", \"b\"]")
      }
      return (left, right)
    }
    vocabulary.unknownPiece = model.field("unk_token").stringValue
    vocabulary.fusesUnknown = model.field("fuse_unk").flag
    vocabulary.usesByteFallback = model.field("byte_fallback").flag
    vocabulary.ignoresMerges = model.field("ignore_merges").flag
    return vocabulary
  }
}
