import JSONReader

extension TokenizerJSON {
  /// A model with the spellings of its tokens.
  typealias Model = (vocabulary: ByteStringTable, model: TokenModel, cuts: MarkCuts?)

  private var fields: JSONValue { .object(content.model) }

  /// The `model`; takes the last pre-tokenizer step to itself where it can read bytes as they are.
  func model(_ added: [AddedToken], steps: inout [PreTokenizer.Step]) throws -> Model {
    let type = fields.field("type").stringValue ?? (content.merges != nil ? "BPE" : "unnamed")
    guard ["BPE", "Unigram", "WordPiece", "WordLevel"].contains(type) else { throw unsupported("model", type) }
    guard content.hasVocabulary, content.isScored == (type == "Unigram") else {
      throw malformed("model.vocab is not \(type == "Unigram" ? "a list of pieces and scores" : "an object")")
    }
    var vocabulary = Vocabulary(file: file)
    vocabulary.pieces = content.pieces
    vocabulary.prepared = content.table
    vocabulary.addedTokens = added
    switch type {
    case "BPE": return try bytePairEncoding(vocabulary, steps: &steps)
    case "Unigram": return try unigram(vocabulary.table())
    default: return try words(vocabulary.table(), type)
    }
  }

  private func bytePairEncoding(_ vocabulary: Vocabulary, steps: inout [PreTokenizer.Step]) throws -> Model {
    if fields.field("dropout").doubleValue ?? 0 != 0 { throw unsupported("model option", "dropout") }
    var pairs = BytePairVocabulary(file: file)
    pairs.vocabulary = vocabulary
    pairs.vocabulary.unknownPiece = fields.field("unk_token").stringValue
    pairs.merges = content.merges ?? MergeList()
    pairs.fusesUnknown = fields.field("fuse_unk").flag
    pairs.usesByteFallback = fields.field("byte_fallback").flag
    pairs.ignoresMerges = fields.field("ignore_merges").flag
    pairs.affixes.continuingPrefix = Array((fields.field("continuing_subword_prefix").stringValue ?? "").utf8)
    pairs.affixes.endOfWordSuffix = Array((fields.field("end_of_word_suffix").stringValue ?? "").utf8)
    pairs.isByteLevel = false
    if case .byteAlphabet? = steps.last, pairs.affixes.isEmpty, !pairs.usesByteFallback {
      pairs.isByteLevel = true
      steps.removeLast()
    }
    let (model, cuts) = try pairs.model()
    return (model.vocabulary, .bytePairEncoding(model), cuts)
  }

  private func unigram(_ pieces: ByteStringTable) throws -> Model {
    let unknown = fields.field("unk_id").intValue
    if unknown == nil, !fields.field("unk_id").isNull { throw malformed("unk_id is not an index") }
    let scores = content.pieces.scores
    if let unknown, !scores.indices.contains(unknown) {
      throw malformed("unk_id \(unknown) is outside the \(scores.count) pieces")
    }
    let bytes = fields.field("byte_fallback").flag ? Vocabulary.byteTokens(pieces) : nil
    let model = Unigram(pieces: pieces, scores: scores, unknownID: unknown, byteFallback: bytes)
    return (pieces, .unigram(model), nil)
  }

  private func words(_ pieces: ByteStringTable, _ type: String) throws -> Model {
    let unknown = fields.field("unk_token").stringValue ?? (type == "WordPiece" ? "[UNK]" : "<unk>")
    let id = pieces.id(of: Array(unknown.utf8))
    let unknownID = id >= 0 ? id : nil
    guard type == "WordPiece" else {
      return (pieces, .wordLevel(WordLevel(vocabulary: pieces, unknownID: unknownID, unknownPiece: unknown)), nil)
    }
    let model = WordPiece(
      pieces: pieces, ids: Array(content.pieces.ids),
      prefix: Array((fields.field("continuing_subword_prefix").stringValue ?? "##").utf8), unknownPiece: unknown,
      unknownID: unknownID, longestWord: fields.field("max_input_chars_per_word").intValue ?? 100)
    return (pieces, .wordPiece(model), nil)
  }
}
