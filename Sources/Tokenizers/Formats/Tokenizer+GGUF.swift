import JSONReader

extension Tokenizer {
  /// The tokenizer of a GGUF vocabulary; refuses models and patterns it does not know, by name.
  ///
  /// - Parameter file: the file's name, for messages.
  public convenience init(ggufVocabulary vocabulary: GGUFVocabulary, file: String = "GGUF file") throws {
    if vocabulary.model == "llama" {
      try self.init(vocabulary.scoredParts(file))
      return
    }
    guard let name = GGUFPreTokenizer.name(ofModel: vocabulary.model, pre: vocabulary.preTokenizer) else {
      throw TokenizerError(
        .unsupportedPart,
        "\(file): tokenizer.ggml.model \"\(vocabulary.model)\" is not supported; \"gpt2\", \"gemma4\" and \"llama\" are"
      )
    }
    let pattern: GGUFPreTokenizer
    do {
      pattern = try GGUFPreTokenizer(name: name)
    } catch {
      throw TokenizerError(
        .unsupportedPart,
        "\(file): tokenizer.ggml.pre \"\(name)\" is not supported: \(error.reason); use the model's tokenizer.json")
    }
    try vocabulary.check(file)
    var content = TokenizerJSONContent()
    content.hasVocabulary = true
    for (id, token) in vocabulary.tokens.enumerated() { try content.pieces.append(token.utf8, id: id) }
    var merges = MergeList()
    for (rank, merge) in vocabulary.merges.enumerated() {
      guard try merges.append(spaced: merge.utf8) else {
        throw TokenizerError(.malformedFile, "\(file): merge \(rank) is not two tokens with one space between")
      }
    }
    content.merges = merges
    content.model = [
      ("type", "BPE"), ("ignore_merges", .bool(pattern.ignoresMerges)), ("byte_fallback", .bool(!pattern.isByteLevel)),
    ]
    let added = vocabulary.tokenTypes.enumerated().filter { $0.element == 3 || $0.element == 4 }
    content.root = [
      ("normalizer", pattern.normalizer), ("pre_tokenizer", pattern.preTokenizer),
      ("decoder", pattern.decoder),
      (
        "added_tokens",
        .array(
          added.map { id, type in
            ["id": .integer(id), "content": .string(vocabulary.tokens[id]), "special": .bool(type == 3)]
          })
      ),
    ]
    var parts = try TokenizerJSON(file: file, content: content).parts()
    if vocabulary.addsBOS ?? pattern.addsBeginning, let bos = vocabulary.bosID { parts.template.prefix = [bos] }
    parts.bosID = vocabulary.bosID
    parts.eosIDs = vocabulary.eosIDs
    self.init(parts)
  }
}

extension GGUFVocabulary {
  /// Checks that the lists fit one another.
  func check(_ file: String) throws {
    guard tokenTypes.isEmpty || tokenTypes.count == tokens.count else {
      throw TokenizerError(.malformedFile, "\(file): \(tokens.count) tokens but \(tokenTypes.count) token types")
    }
    let named = [bosID].compactMap { $0 } + eosIDs
    if let outside = named.first(where: { !tokens.indices.contains($0) }) {
      throw TokenizerError(
        .malformedFile, "\(file): control token id \(outside) is outside the \(tokens.count) tokens")
    }
  }

  /// The parts of a SentencePiece vocabulary.
  func scoredParts(_ file: String) throws -> TokenizerParts {
    try check(file)
    guard scores.count == tokens.count, scores.allSatisfy(\.isFinite) else {
      throw TokenizerError(.malformedFile, "\(file): \(tokens.count) tokens need as many finite scores")
    }
    var vocabulary = ScoredVocabulary(file: file)
    vocabulary.pieces = tokens.map { Array($0.utf8) }
    vocabulary.scores = scores
    vocabulary.types =
      tokenTypes.isEmpty
      ? tokens.map { _ in .normal } : tokenTypes.map { ScoredVocabulary.PieceType(rawValue: $0) ?? .normal }
    vocabulary.normalizer.addsPrefix = addsSpacePrefix ?? true
    vocabulary.normalizer.removesExtraSpaces = false
    vocabulary.parsesUserDefined = true
    var parts = try vocabulary.parts()
    parts.bosID = bosID
    parts.eosIDs = eosIDs
    if addsBOS ?? true, let bosID { parts.template.prefix = [bosID] }
    return parts
  }
}
