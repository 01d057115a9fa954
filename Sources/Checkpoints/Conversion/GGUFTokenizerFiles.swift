import JSONReader
import Tokenizers

/// The tokenizer that a GGUF file keeps in its metadata, on its way to the files of the Hugging Face hub.
struct GGUFTokenizerFiles {
  /// Token types of ggml.
  enum TokenType {
    static let normal = 1
    static let unknown = 2
    static let control = 3
    static let userDefined = 4
  }

  /// What becomes of a vocabulary.
  enum Outcome {
    /// `tokenizer.json` and `tokenizer_config.json`.
    case files([(name: String, content: JSONValue)])
    /// No tokenizer can be written, for this reason.
    case none(reason: String)
  }

  /// `gpt2` for byte-level BPE, `llama` for SentencePiece.
  let model: String
  let path: String
  let metadata: [String: GGUFValue]
  let tokens: [String]
  /// One for each token, or empty.
  let types: [Int]

  init(_ file: GGUFFile) throws {
    path = file.path
    metadata = file.metadata
    model = file.metadata["tokenizer.ggml.model"]?.stringValue ?? "none"
    if let tokens = file.metadata["tokenizer.ggml.tokens"] {
      guard let texts = tokens.arrayValue?.strings else {
        throw CheckpointError(.malformedFile, "\(path): tokenizer.ggml.tokens is not a list of texts")
      }
      self.tokens = texts
    } else {
      tokens = []
    }
    if let types = file.metadata["tokenizer.ggml.token_type"] {
      guard let values = types.arrayValue?.integers, values.count == tokens.count else {
        throw CheckpointError(.malformedFile, "\(path): tokenizer.ggml.token_type does not give each token a type")
      }
      self.types = values
    } else {
      types = []
    }
    if let scores = file.metadata["tokenizer.ggml.scores"] {
      guard let list = scores.arrayValue, list.elementType == .float32, list.count == tokens.count else {
        throw CheckpointError(.malformedFile, "\(path): tokenizer.ggml.scores does not give each token a 32-bit score")
      }
    }
  }

  /// The id in `tokenizer.ggml.<role>_token_id`, if it names a token.
  func identifier(_ role: String) -> Int? {
    guard let id = metadata["tokenizer.ggml.\(role)_token_id"]?.intValue, tokens.indices.contains(id) else {
      return nil
    }
    return id
  }

  /// The truth value `tokenizer.ggml.<key>`, if the file has it.
  func flag(_ key: String) -> Bool? { metadata["tokenizer.ggml.\(key)"]?.boolValue }

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

  /// The tokenizer in the form of the `tokenizers` library.
  ///
  /// - Throws: `CheckpointError` (`malformedFile`) for a vocabulary that contradicts itself.
  func outcome() throws -> Outcome {
    guard !tokens.isEmpty else { return .none(reason: "\(path) has no vocabulary") }
    switch model {
    case "gpt2", "gemma4":
      let name =
        GGUFPreTokenizer.name(ofModel: model, pre: metadata["tokenizer.ggml.pre"]?.stringValue) ?? "default"
      let rules: GGUFPreTokenizer
      do {
        rules = try GGUFPreTokenizer(name: name)
      } catch {
        return .none(reason: "the pre-tokenizer \"\(name)\" of \(path) is not read: \(error.reason)")
      }
      let addsBeginning = flag("add_bos_token") ?? rules.addsBeginning
      return .files([
        ("tokenizer.json", try mergingTokenizer(rules, addsBeginning: addsBeginning)),
        ("tokenizer_config.json", configuration(addsBeginning: addsBeginning, addsEnd: flag("add_eos_token") ?? false)),
      ])
    case "llama":
      guard let scores = metadata["tokenizer.ggml.scores"]?.arrayValue?.doubles else {
        return .none(reason: "the SentencePiece vocabulary of \(path) has no scores")
      }
      let addsBeginning = flag("add_bos_token") ?? true
      return .files([
        ("tokenizer.json", sentencePieceTokenizer(scores: scores, addsBeginning: addsBeginning)),
        ("tokenizer_config.json", configuration(addsBeginning: addsBeginning, addsEnd: flag("add_eos_token") ?? false)),
      ])
    default:
      return .none(reason: "the tokenizer \"\(model)\" of \(path) is not converted")
    }
  }

  /// The `chat_template`: the text, or the list of all where there are templates with names.
  private var chatTemplates: JSONValue? {
    let prefix = "tokenizer.chat_template."
    let standard = metadata["tokenizer.chat_template"]?.stringValue
    let named = metadata.keys.filter { $0.hasPrefix(prefix) }.sorted().compactMap { key in
      metadata[key]?.stringValue.map { (String(key.dropFirst(prefix.count)), $0) }
    }
    if named.isEmpty { return standard.map(JSONValue.string) }
    let all = (standard.map { [("default", $0)] } ?? []) + named
    return .array(all.map { ["name": .string($0.0), "template": .string($0.1)] })
  }

  /// The content of `tokenizer_config.json`.
  private func configuration(addsBeginning: Bool, addsEnd: Bool) -> JSONValue {
    var members: [(key: String, value: JSONValue)] = [
      ("add_bos_token", .bool(addsBeginning && identifier("bos") != nil)),
      ("add_eos_token", .bool(addsEnd && identifier("eos") != nil)),
    ]
    for (key, role) in [("bos_token", "bos"), ("eos_token", "eos"), ("pad_token", "padding"), ("unk_token", "unknown")]
    {
      if let id = identifier(role) { members.append((key, .string(tokens[id]))) }
    }
    if let templates = chatTemplates { members.append(("chat_template", templates)) }
    members.append(("clean_up_tokenization_spaces", false))
    let architecture = metadata["general.architecture"]?.stringValue ?? ""
    if let length = metadata["\(architecture).context_length"]?.intValue {
      members.append(("model_max_length", .integer(length)))
    }
    members.append(("model_input_names", ["input_ids", "attention_mask"]))
    members.append(("tokenizer_class", "PreTrainedTokenizerFast"))
    return .object(members)
  }
}
