extension ChatTemplate {
  /// The names a message's reasoning goes by; templates are given the first, and for gpt-oss the second.
  static let reasoningFields = ["reasoning_content", "thinking", "reasoning"]

  /// A message as `transformers` 5 gives it to a template: without the keys whose value is null, and with its reasoning
  /// under the names that templates read.
  static func normalized(_ message: TemplateValue) -> TemplateValue {
    guard case .dictionary(let dictionary) = message else { return message }
    let kept = dictionary.pairs.filter { !$0.value.isNone }.map { ($0.key, $0.value) }
    var result = TemplateDictionary(kept)
    guard let reasoning = reasoningFields.lazy.compactMap({ result[text: $0] }).first else {
      return .dictionary(result)
    }
    result = TemplateDictionary([(.string("thinking"), reasoning)] + kept)
    result[.string("reasoning_content")] = reasoning
    return .dictionary(result)
  }
}

/// The end of a prompt inside the last message, so that the model goes on with it: `continue_final_message`.
///
/// The field gets a mark at its end, and the prompt ends where the mark comes out.
struct FinalMessageContinuation {
  private static let mark = "CONTINUE_FINAL_MESSAGE_TAG "

  private let field: String
  private let fields: [String]
  private let final: TemplateText
  /// The messages with the mark.
  let messages: [TemplateValue]

  /// - Throws: `TemplateError` (`wrongValue`) where the last message has no such field, or the template reads none.
  init(of field: String, in messages: [TemplateValue], template: String) throws {
    self.field = field
    guard case .dictionary(var last)? = messages.last, let value = last[text: field] else {
      throw TemplateError(.wrongValue, "the last message has no \"\(field)\" to continue")
    }
    let copies = ChatTemplate.reasoningFields
    fields =
      copies.contains(field) ? copies.filter { last[text: $0]?.isEqual(to: value) ?? false } : [field]
    guard fields.contains(where: { TemplateText(template).first($0) != nil }) else {
      throw TemplateError(.wrongValue, "the last message cannot go on: the template does not read \"\(field)\"")
    }
    var final: TemplateText?
    switch value {
    case .string(let text):
      final = text
      for name in fields { last[.string(name)] = .string(Self.marked(text)) }
    case .list(let list):
      var parts = list.items
      if let index = parts.lastIndex(where: { $0["text"] != nil }), case .dictionary(var part) = parts[index],
        case .string(let text)? = part[text: "text"]
      {
        final = text
        part[.string("text")] = .string(Self.marked(text))
        parts[index] = .dictionary(part)
        last[.string(field)] = .list(parts)
      }
    default: break
    }
    guard let final else {
      throw TemplateError(.wrongValue, "the last message's \"\(field)\" has no text to continue")
    }
    self.final = final
    self.messages = messages.dropLast() + [.dictionary(last)]
  }

  private static func marked(_ text: TemplateText) -> TemplateText { .joined([text, TemplateText(mark)]) }

  /// The prompt up to the mark; throws `.wrongValue` where the template left the message out.
  func cut(_ prompt: TemplateText) throws -> TemplateText {
    func stripped(_ text: TemplateText) -> TemplateText {
      text.stripped(left: true, right: true, \.isPythonSpace)
    }
    let bare = stripped(TemplateText(Self.mark)).string
    guard prompt.first(stripped(final).string) != nil, let place = prompt.last(bare) else {
      throw TemplateError(
        .wrongValue, "the template changes or drops the last message's \"\(field)\", so it cannot go on")
    }
    let head = prompt.slice(0..<place)
    // Where the space of the mark is gone, the template trims the message.
    let keepsSpace = prompt.slice(place..<prompt.count).string.unicodeScalars.starts(with: Self.mark.unicodeScalars)
    return keepsSpace ? head : head.stripped(left: false, right: true, \.isPythonSpace)
  }
}
