import JSONReader

extension TokenizerJSON {
  /// The control tokens that the `post_processor` puts around a single text.
  func template(_ value: JSONValue, tokens: ByteStringTable) throws -> SpecialTokenTemplate {
    if value.isNull { return SpecialTokenTemplate() }
    let type = value.field("type").stringValue ?? "unnamed"
    switch type {
    case "ByteLevel": return SpecialTokenTemplate()
    case "Sequence":
      return try value.field("processors").elements.reduce(into: SpecialTokenTemplate()) { result, processor in
        let outer = try template(processor, tokens: tokens)
        result.prefix = outer.prefix + result.prefix
        result.suffix += outer.suffix
      }
    case "TemplateProcessing": return try singleTemplate(value, tokens)
    default: throw unsupported("post_processor", type)
    }
  }

  private func singleTemplate(_ value: JSONValue, _ tokens: ByteStringTable) throws -> SpecialTokenTemplate {
    var result = SpecialTokenTemplate()
    var isAfterText = false
    for item in value.field("single").elements {
      guard let name = item.field("SpecialToken").field("id").stringValue else {
        if isAfterText { throw unsupported("post_processor", "TemplateProcessing with the text twice") }
        isAfterText = true
        continue
      }
      let ids = value.field("special_tokens").field(name).field("ids").elements.compactMap(\.intValue)
      guard !ids.isEmpty, ids.allSatisfy({ tokens[$0] != nil }) else {
        throw malformed("the template names \"\(name)\", which has no token")
      }
      if isAfterText { result.suffix += ids } else { result.prefix += ids }
    }
    return result
  }
}
