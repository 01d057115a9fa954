import JSONReader

extension TokenizerJSON {
  /// The control tokens that the `post_processor` puts around a single text.
  func template(_ value: JSONValue, tokens: TokenSpellings) throws -> SpecialTokenTemplate {
    var result = SpecialTokenTemplate()
    if value.isNull { return result }
    let type = value.field("type").stringValue ?? "unnamed"
    let trimsOffsets = value.field("trim_offsets").boolValue ?? true
    let trimming = OffsetTrimming(addsPrefixSpace: value.field("add_prefix_space").boolValue ?? true)
    switch type {
    case "ByteLevel": if trimsOffsets { result.offsetTrimming = [trimming] }
    case "BertProcessing", "RobertaProcessing":
      result.prefix = [try pair(value.field("cls"), tokens)]
      result.suffix = [try pair(value.field("sep"), tokens)]
      if type == "RobertaProcessing", trimsOffsets { result.offsetTrimming = [trimming] }
    case "Sequence":
      for processor in value.field("processors").elements {
        let outer = try template(processor, tokens: tokens)
        result.prefix = outer.prefix + result.prefix
        result.suffix += outer.suffix
        result.offsetTrimming += outer.offsetTrimming
      }
    case "TemplateProcessing": return try singleTemplate(value, tokens)
    default: throw unsupported("post_processor", type)
    }
    return result
  }

  /// The id of a token given as `["[SEP]", 102]`.
  private func pair(_ value: JSONValue, _ tokens: TokenSpellings) throws -> Int {
    guard value.elements.count == 2, let id = value.elements[1].intValue, tokens[id] != nil else {
      throw malformed("the post_processor names a token that is not there")
    }
    return id
  }

  private func singleTemplate(_ value: JSONValue, _ tokens: TokenSpellings) throws -> SpecialTokenTemplate {
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
    guard isAfterText else { throw unsupported("post_processor", "TemplateProcessing without the text") }
    return result
  }
}
