import JSONReader

/// The tokens that the files of a model name, which chat templates read as variables: `bos_token`, `eos_token`, ….
struct NamedTokens: Sendable {
  /// Names and spellings, in the order of the files.
  private(set) var tokens: [(name: String, text: String)] = []

  init() {}

  /// The tokens of `tokenizer_config.json`: each `…_token`, and those its two objects of further names hold.
  ///
  /// - Parameter legacy: `special_tokens_map.json`, which wins; newer folders, whose configuration lists the added
  ///   tokens, have none.
  init(_ configuration: JSONValue, legacy: JSONValue) {
    for source in [legacy, configuration] {
      add(source) { $0.hasSuffix("_token") }
      for further in ["extra_special_tokens", "model_specific_special_tokens"] {
        add(source.field(further)) { _ in true }
      }
    }
  }

  private mutating func add(_ source: JSONValue, where isNamed: (String) -> Bool) {
    guard case .object(let members) = source else { return }
    for member in members where isNamed(member.key) && !tokens.contains(where: { $0.name == member.key }) {
      guard let text = member.value.stringValue ?? member.value.field("content").stringValue else { continue }
      tokens.append((member.key, text))
    }
  }

  /// The tokens with those that begin and end a text, where the files do not name them.
  func completed(bos: String?, eos: String?) -> NamedTokens {
    var result = self
    for (name, text) in [("bos_token", bos), ("eos_token", eos)] where !tokens.contains(where: { $0.name == name }) {
      if let text { result.tokens.append((name, text)) }
    }
    return result
  }
}
