extension TemplateValue {
  /// The value with all its text marked as a message's, keys too.
  func marked() -> TemplateValue {
    switch self {
    case .string(let text): return .string(TemplateText(text.string, isFromMessage: true))
    case .list(let list): return .list(TemplateList(list.items.map { $0.marked() }, isTuple: list.isTuple))
    case .dictionary(let dictionary):
      return .dictionary(
        TemplateDictionary(zip(dictionary.keys, dictionary.values).map { ($0.marked(), $1.marked()) }))
    default: return self
    }
  }

  /// A message, tool or document with its text marked, except what templates build control tokens from: a plain `role`,
  /// and a plain `type` of the message, of its parts and of its tool calls.
  func markedAsMessage() -> TemplateValue {
    guard case .dictionary(let dictionary) = self else { return marked() }
    var result = TemplateDictionary()
    for (key, value) in zip(dictionary.keys, dictionary.values) {
      switch (key.text, value) {
      case ("role", .string(let text)) where text.isPlainName, ("type", .string(let text)) where text.isPlainName:
        result[key] = value
      case ("content", .list(let list)), ("tool_calls", .list(let list)):
        result[key] = .list(list.items.map { $0.markedAsMessage() })
      default: result[key.marked()] = value.marked()
      }
    }
    return .dictionary(result)
  }
}

extension TemplateText {
  /// Whether the text is a word of ASCII letters, digits, `_` and `-`, which spells no control token by itself.
  fileprivate var isPlainName: Bool {
    string.unicodeScalars.allSatisfy {
      $0.isASCII && ($0.properties.isAlphabetic || $0.isDecimalDigit || $0 == "_" || $0 == "-")
    }
  }
}
