/// A chat template, parsed once and rendered many times.
///
/// It runs templates as Hugging Face `transformers` does: Jinja's immutable sandbox with `trim_blocks` and
/// `lstrip_blocks`, loop controls, `{% generation %}`, and `tojson` as plain JSON.
public struct ChatTemplate: Sendable {
  /// The template text.
  public let text: String
  /// What one render may use.
  public var limits: TemplateLimits
  private let program: Program

  /// Parses a template; throws `TemplateError` with `.syntax` or `.unsupported`.
  public init(_ text: String, limits: TemplateLimits = TemplateLimits()) throws {
    self.text = text
    self.limits = limits
    program = try DeepStack.run { try Program(text) }
  }

  /// The template's own text: what stands outside its tags, and its string constants, each on lines of its own.
  public var literalText: String { program.literals.joined(separator: "\n") }

  /// The prompt of a conversation.
  ///
  /// Each message is a dictionary with `role`, `content` (text, or a list of parts with `type` and `text`) and what
  /// else the template reads. Keys whose value is null are left out, and reasoning given as `reasoning_content`,
  /// `thinking` or `reasoning` is there under the first two names, as in `transformers` 5. Tool-call arguments given as
  /// JSON text are offered to the template as a mapping first, then as text. Content given as parts is joined where the
  /// template expects text.
  ///
  /// - Parameters:
  ///   - tools: JSON schemas of functions.
  ///   - continuedField: the field of the last message that the model goes on with, most simply `content`; the prompt
  ///     then ends with its text. Not together with `addGenerationPrompt`.
  ///   - tokens: control tokens by the names that templates know, like `bos_token`.
  ///   - extra: further variables of the template; they win over the tokens.
  /// - Throws: `TemplateError`; code `.raisedByTemplate` carries the template's own words, `.wrongValue` says that there
  ///   is no message or no text to continue.
  public func render(
    messages: [TemplateValue], tools: [TemplateValue]? = nil, documents: [TemplateValue]? = nil,
    addGenerationPrompt: Bool = false, continuedField: String? = nil, tokens: [(String, String)] = [],
    extra: [(String, TemplateValue)] = [], clock: TemplateClock = .system
  ) throws -> String {
    try prompt(
      messages: messages, tools: tools, documents: documents, addGenerationPrompt: addGenerationPrompt,
      continuedField: continuedField, tokens: tokens, extra: extra, clock: clock
    ).string
  }

  /// The prompt of a conversation, which knows what parts of it are the messages', tools' and documents' own text.
  ///
  /// A tokenizer that reads those parts without control tokens makes a prompt that no message can forge. Marked are all
  /// texts of messages, tools, documents and `extra`, also after the template has cut, changed or joined them, except plain role
  /// names and types. See `render` for the parameters.
  public func prompt(
    messages: [TemplateValue], tools: [TemplateValue]? = nil, documents: [TemplateValue]? = nil,
    addGenerationPrompt: Bool = false, continuedField: String? = nil, tokens: [(String, String)] = [],
    extra: [(String, TemplateValue)] = [], clock: TemplateClock = .system
  ) throws -> TemplateText {
    guard !messages.isEmpty else { throw TemplateError(.wrongValue, "the conversation has no message") }
    guard continuedField == nil || !addGenerationPrompt else {
      throw TemplateError(.wrongValue, "a prompt either continues the last message or begins a new one")
    }
    return try DeepStack.run {
      func marked(_ values: [TemplateValue]?) -> TemplateValue {
        values.map { .list($0.map { $0.markedAsMessage() }) } ?? .none
      }
      var variables: [(String, TemplateValue)] = [
        ("tools", marked(tools)), ("documents", marked(documents)),
        ("add_generation_prompt", .bool(addGenerationPrompt)),
      ]
      variables += tokens.map { ($0, .string($1)) }
      let context = variables + extra.map { ($0, $1.marked()) }
      func conversation(_ messages: [TemplateValue]) throws -> TemplateText {
        try renderContent(of: messages) { messages in
          try renderArguments(of: messages) { messages in
            try run(context + [("messages", .list(messages))], clock)
          }
        }
      }
      let given = messages.map { Self.normalized($0).markedAsMessage() }
      guard let continuedField else { return try conversation(given) }
      let continuation = try FinalMessageContinuation(of: continuedField, in: given, template: text)
      return try continuation.cut(conversation(continuation.messages))
    }
  }

  /// The text of the template with nothing but these variables.
  public func render(variables: [(String, TemplateValue)], clock: TemplateClock = .system) throws -> String {
    try DeepStack.run { try run(variables, clock).string }
  }

  /// The text of the template with nothing but these variables, with the marks that `TemplateText` keeps.
  public func prompt(variables: [(String, TemplateValue)], clock: TemplateClock = .system) throws -> TemplateText {
    try DeepStack.run { try run(variables, clock) }
  }

  private func run(_ variables: [(String, TemplateValue)], _ clock: TemplateClock) throws -> TemplateText {
    try Interpreter(program, limits: limits, clock: clock).render(variables)
  }
}
