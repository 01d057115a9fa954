extension Tokenizer {
  /// The tokenizer of a GGUF vocabulary; refuses models and patterns it does not know, by name.
  ///
  /// - Parameter file: the file's name, for messages.
  public convenience init(ggufVocabulary vocabulary: GGUFVocabulary, file: String = "GGUF file") throws {
    guard vocabulary.model == "gpt2" else {
      throw TokenizerError(
        .unsupportedPart,
        "\(file): tokenizer.ggml.model \"\(vocabulary.model)\" is not supported; convert a file whose model is \"gpt2\""
      )
    }
    guard let pattern = GGUFPreTokenizer(name: vocabulary.preTokenizer) else {
      throw TokenizerError(
        .unsupportedPart,
        "\(file): tokenizer.ggml.pre \"\(vocabulary.preTokenizer)\" is not supported; use the model's tokenizer.json")
    }
    guard vocabulary.tokenTypes.isEmpty || vocabulary.tokenTypes.count == vocabulary.tokens.count else {
      throw TokenizerError(
        .malformedFile,
        "\(file): \(vocabulary.tokens.count) tokens but \(vocabulary.tokenTypes.count) token types")
    }
    let named = [vocabulary.bosID].compactMap { $0 } + vocabulary.eosIDs
    if let outside = named.first(where: { !vocabulary.tokens.indices.contains($0) }) {
      throw TokenizerError(
        .malformedFile, "\(file): control token id \(outside) is outside the \(vocabulary.tokens.count) tokens")
    }
    var table = BytePairVocabulary(file: file)
    for (id, token) in vocabulary.tokens.enumerated() { table.vocabulary.pieces.append(token.utf8, id: id) }
    table.ignoresMerges = pattern.ignoresMerges
    for (rank, merge) in vocabulary.merges.enumerated() where !table.merges.append(spaced: merge.utf8) {
      throw TokenizerError(.malformedFile, "\(file): merge \(rank) is not two tokens with one space between")
    }
    for (id, type) in vocabulary.tokenTypes.enumerated() where type == 3 || type == 4 {
      table.vocabulary.addedTokens.append(
        AddedToken(id: id, content: Array(vocabulary.tokens[id].utf8), special: type == 3))
    }
    let tables = try table.tables()
    var template = SpecialTokenTemplate()
    if vocabulary.addsBOS ?? pattern.addsBOS, let bos = vocabulary.bosID { template.prefix = [bos] }
    self.init(
      TokenizerParts(
        pieces: tables.pieces, model: .bytePairEncoding(tables.model), cuts: tables.cuts,
        addedTokens: table.vocabulary.addedTokens, normalizer: pattern.normalizer,
        preTokenizerSteps: pattern.steps, decoder: TokenDecoder(steps: [.byteLevel]), template: template,
        bosID: vocabulary.bosID,
        eosIDs: vocabulary.eosIDs))
  }
}

/// What a name in `tokenizer.ggml.pre` stands for.
struct GGUFPreTokenizer {
  let steps: [PreTokenizer.Step]
  var normalizer: Normalizer?
  var ignoresMerges = false
  var addsBOS = false

  /// The meaning of a name, or nil for names that are not known.
  init?(name: String) {
    switch name {
    case "gpt-2", "gpt2": steps = [.known(.gpt2)]
    case "smollm", "starcoder", "refact", "command-r":
      steps = [.scalars(ScalarMatcher(matching: .number, behavior: .isolated)), .known(.gpt2)]
    case "llama-bpe", "llama3", "llama-v3":
      steps = [.known(.llama3)]
      ignoresMerges = true
      addsBOS = true
    case "qwen2":
      steps = [.known(.qwen2)]
      normalizer = .form(.nfc)
    default: return nil
    }
  }
}
