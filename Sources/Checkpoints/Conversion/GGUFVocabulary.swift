import JSONReader

/// The tokenizer that a GGUF file keeps in its metadata.
struct GGUFVocabulary {
  /// Token types of ggml that make a token an added one.
  private enum TokenType {
    static let control = 3
    static let userDefined = 4
  }

  /// `gpt2` for byte-level BPE, `llama` for SentencePiece.
  let model: String
  private let path: String
  private let metadata: [String: GGUFValue]
  private let tokens: [String]
  private let types: [Int]

  init(_ file: GGUFFile) throws {
    path = file.path
    metadata = file.metadata
    model = file.metadata["tokenizer.ggml.model"]?.stringValue ?? "none"
    guard let tokens = file.metadata["tokenizer.ggml.tokens"]?.arrayValue?.strings else {
      throw CheckpointError(.malformedFile, "\(path): tokenizer.ggml.tokens is not a list of texts")
    }
    self.tokens = tokens
    if let types = file.metadata["tokenizer.ggml.token_type"] {
      guard let values = types.arrayValue?.integers, values.count == tokens.count else {
        throw CheckpointError(.malformedFile, "\(path): tokenizer.ggml.token_type does not give each token a type")
      }
      self.types = values
    } else {
      types = []
    }
    if let scores = file.metadata["tokenizer.ggml.scores"]?.arrayValue {
      guard scores.elementType == .float32, scores.count == tokens.count else {
        throw CheckpointError(.malformedFile, "\(path): tokenizer.ggml.scores does not give each token a 32-bit score")
      }
    }
  }

  /// Whether the tokenizer is byte-level BPE.
  var isByteLevel: Bool { model == "gpt2" }

  /// The id in `tokenizer.ggml.<role>_token_id`, if it names a token.
  func identifier(_ role: String) -> Int? {
    guard let id = metadata["tokenizer.ggml.\(role)_token_id"]?.intValue, tokens.indices.contains(id) else {
      return nil
    }
    return id
  }

  /// The content of `generation_config.json`.
  var generationConfiguration: JSONValue {
    var members: [(key: String, value: JSONValue)] = []
    if let id = identifier("bos") { members.append(("bos_token_id", .integer(id))) }
    if let id = identifier("eos") {
      let turnEnd = identifier("eot").flatMap { $0 == id ? nil : $0 }
      members.append(("eos_token_id", turnEnd.map { .array([.integer(id), .integer($0)]) } ?? .integer(id)))
    }
    if let id = identifier("padding") { members.append(("pad_token_id", .integer(id))) }
    return .object(members)
  }

  /// The content of `tokenizer_config.json`.
  var tokenizerConfiguration: JSONValue {
    var members: [(key: String, value: JSONValue)] = [
      ("add_bos_token", .bool(addsBeginning)), ("add_eos_token", .bool(addsEnd)),
    ]
    for (key, role) in [("bos_token", "bos"), ("eos_token", "eos"), ("pad_token", "padding"), ("unk_token", "unknown")]
    {
      if let id = identifier(role) { members.append((key, .string(tokens[id]))) }
    }
    if let template = metadata["tokenizer.chat_template"]?.stringValue {
      members.append(("chat_template", .string(template)))
    }
    members.append(("clean_up_tokenization_spaces", false))
    if let length = metadata["llama.context_length"]?.intValue {
      members.append(("model_max_length", .integer(length)))
    }
    members.append(("model_input_names", ["input_ids", "attention_mask"]))
    members.append(("tokenizer_class", "PreTrainedTokenizerFast"))
    return .object(members)
  }

  /// The content of `tokenizer.json`.
  ///
  /// - Throws: `CheckpointError` if the pre-tokenizer is not known (its name is told) or the merges are missing.
  func tokenizer() throws -> JSONValue {
    guard let merges = metadata["tokenizer.ggml.merges"]?.arrayValue?.strings else {
      throw CheckpointError(.malformedFile, "\(path): tokenizer.ggml.merges is not a list of texts")
    }
    let rules = try preTokenization()
    return [
      "version": "1.0",
      "truncation": .null,
      "padding": .null,
      "added_tokens": .array(addedTokens),
      "normalizer": rules.normalizer,
      "pre_tokenizer": rules.preTokenizer,
      "post_processor": postProcessor,
      "decoder": GGUFPreTokenization.byteLevel(trimOffsets: true, splits: true),
      "model": [
        "type": "BPE", "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": .bool(rules.ignoresMerges),
        "vocab": .object(tokens.enumerated().map { (key: $1, value: .integer($0)) }),
        "merges": .array(merges.map(JSONValue.string)),
      ],
    ]
  }

  private var addsBeginning: Bool {
    guard identifier("bos") != nil else { return false }
    let fallback = (try? preTokenization().addsBeginning) ?? false
    return metadata["tokenizer.ggml.add_bos_token"]?.boolValue ?? fallback
  }

  private var addsEnd: Bool {
    identifier("eos") != nil && metadata["tokenizer.ggml.add_eos_token"]?.boolValue == true
  }

  private func preTokenization() throws -> GGUFPreTokenization {
    let name = metadata["tokenizer.ggml.pre"]?.stringValue ?? "default"
    guard let rules = GGUFPreTokenization(name: name) else {
      throw CheckpointError(
        .unsupported,
        "\(path): the pre-tokenizer \"\(name)\" is not known "
          + "(only \(GGUFPreTokenization.names.joined(separator: ", ")))"
      )
    }
    return rules
  }

  private var addedTokens: [JSONValue] {
    types.indices.compactMap { id in
      guard types[id] == TokenType.control || types[id] == TokenType.userDefined else { return nil }
      return [
        "id": .integer(id), "content": .string(tokens[id]), "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": .bool(types[id] == TokenType.control),
      ]
    }
  }

  /// Puts the tokens that begin and end a text around it.
  private var postProcessor: JSONValue {
    let beginning = addsBeginning ? identifier("bos") : nil
    let end = addsEnd ? identifier("eos") : nil
    if beginning == nil, end == nil { return .null }
    func special(_ id: Int?, _ type: Int) -> [JSONValue] {
      id.map { [["SpecialToken": ["id": .string(tokens[$0]), "type_id": .integer(type)]]] } ?? []
    }
    func sequence(_ name: String, _ type: Int) -> [JSONValue] {
      let text: JSONValue = ["Sequence": ["id": .string(name), "type_id": .integer(type)]]
      return special(beginning, type) + [text] + special(end, type)
    }
    let used = Set([beginning, end].compactMap { $0 }).sorted()
    return [
      "type": "TemplateProcessing",
      "single": .array(sequence("A", 0)),
      "pair": .array(sequence("A", 0) + sequence("B", 1)),
      "special_tokens": .object(
        used.map { id in
          let token = JSONValue.string(tokens[id])
          return (key: tokens[id], value: ["id": token, "ids": [.integer(id)], "tokens": [token]])
        }),
    ]
  }
}
