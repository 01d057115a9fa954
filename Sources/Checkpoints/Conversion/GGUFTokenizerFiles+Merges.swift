import JSONReader
import Tokenizers

/// BPE with merges, mostly over bytes as GPT-2 has it.
extension GGUFTokenizerFiles {
  /// The content of `tokenizer.json`.
  ///
  /// - Throws: `CheckpointError` (`malformedFile`) if the merges are missing.
  func mergingTokenizer(_ rules: GGUFPreTokenizer, addsBeginning: Bool) throws -> JSONValue {
    guard let merges = metadata["tokenizer.ggml.merges"]?.arrayValue?.strings else {
      throw CheckpointError(.malformedFile, "\(path): tokenizer.ggml.merges is not a list of texts")
    }
    return [
      "version": "1.0",
      "truncation": .null,
      "padding": .null,
      "added_tokens": .array(addedTokens()),
      "normalizer": rules.normalizer,
      "pre_tokenizer": rules.preTokenizer,
      "post_processor": postProcessor(addsBeginning: addsBeginning),
      "decoder": rules.decoder,
      "model": [
        "type": "BPE", "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": false, "byte_fallback": .bool(!rules.isByteLevel),
        "ignore_merges": .bool(rules.ignoresMerges),
        "vocab": vocabularyEntries,
        "merges": .array(merges.map(JSONValue.string)),
      ],
    ]
  }

  /// Each token with its id.
  var vocabularyEntries: JSONValue { .object(tokens.enumerated().map { (key: $1, value: .integer($0)) }) }

  /// The tokens that are looked for in a text before anything else: special ones, those of the user, and `others`.
  func addedTokens(and others: Set<Int> = []) -> [JSONValue] {
    types.indices.compactMap { id in
      let isSpecial = types[id] == TokenType.control || others.contains(types[id])
      guard isSpecial || types[id] == TokenType.userDefined else { return nil }
      return [
        "id": .integer(id), "content": .string(tokens[id]), "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": .bool(isSpecial),
      ]
    }
  }

  /// Puts the tokens that begin and end a text around it.
  func postProcessor(addsBeginning: Bool) -> JSONValue {
    let beginning = addsBeginning ? identifier("bos") : nil
    let end = flag("add_eos_token") == true ? identifier("eos") : nil
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
