public import ChatTemplates

extension Tokenizer {
  /// Whether the model's folder had a chat template.
  public var hasChatTemplate: Bool { !chatTemplates.templates.isEmpty }

  /// The text of a conversation, as a chat template of the model writes it, with the marks of its messages.
  ///
  /// Each message is a dictionary, most simply `TemplateValue.message(role:content:)`; see `ChatTemplate.render` for its
  /// forms. The tokens that the model's files name are variables of the template.
  ///
  /// - Parameters:
  ///   - tools: JSON schemas of the functions the model may call.
  ///   - documents: dictionaries with `title` and `text`, for templates that read them.
  ///   - template: the name of one of the model's templates, or the text of another.
  ///   - addGenerationPrompt: whether the text ends where the answer begins; nil is yes unless the last message goes on.
  ///   - continuedField: the field of the last message that the model goes on with, most simply `content`.
  ///   - extra: further variables of the template.
  /// - Throws: `TemplateError` where there is no template or it fails.
  public func chatPrompt(
    messages: [TemplateValue], tools: [TemplateValue]? = nil, documents: [TemplateValue]? = nil,
    template: String? = nil, addGenerationPrompt: Bool? = nil, continuedField: String? = nil,
    extra: [(String, TemplateValue)] = []
  ) throws -> ChatPrompt {
    let template = try ChatTemplate(chatTemplates.text(template, withTools: tools != nil))
    let text = try template.prompt(
      messages: messages, tools: tools, documents: documents,
      addGenerationPrompt: addGenerationPrompt ?? (continuedField == nil), continuedField: continuedField,
      tokens: namedTokens.tokens.map { ($0.name, $0.text) }, extra: extra)
    return ChatPrompt(text: text, template: template)
  }

  /// The token ids of a conversation, as a chat template of the model writes it; see `chatPrompt` for the parameters.
  ///
  /// - Parameter allowsControlTokens: whether control tokens spelled inside messages, tools and documents become those
  ///   tokens, as they do by default in `transformers`; say false for text from strangers.
  /// - Throws: `TemplateError` where there is no template or it fails; `TokenizerError` as `encode` does.
  public func applyChatTemplate(
    messages: [TemplateValue], tools: [TemplateValue]? = nil, documents: [TemplateValue]? = nil,
    template: String? = nil, addGenerationPrompt: Bool? = nil, continuedField: String? = nil,
    extra: [(String, TemplateValue)] = [], allowsControlTokens: Bool = true
  ) throws -> [Int] {
    let prompt = try chatPrompt(
      messages: messages, tools: tools, documents: documents, template: template,
      addGenerationPrompt: addGenerationPrompt, continuedField: continuedField, extra: extra)
    return try allowsControlTokens
      ? encode(prompt.text.string, addSpecialTokens: false) : encode(prompt.text, of: prompt.template)
  }
}

/// A conversation as text, and the template that wrote it.
public struct ChatPrompt: Sendable {
  /// The text, which knows what parts of it are the messages' own.
  public let text: TemplateText
  /// The template, for `Tokenizer.encode(_:of:)`.
  public let template: ChatTemplate
}
