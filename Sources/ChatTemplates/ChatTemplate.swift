/// A chat template, parsed once and rendered many times.
///
/// It runs templates as Hugging Face `transformers` does: Jinja's immutable sandbox with `trim_blocks` and
/// `lstrip_blocks`, loop controls, `{% generation %}`, and `tojson` as plain JSON.
public struct ChatTemplate: Sendable {
  /// The template text.
  public let text: String
  /// What one render may use.
  public var limits: TemplateLimits
  private let statements: [Statement]

  /// Parses a template; throws `TemplateError` with `.syntax` or `.unsupported`.
  public init(_ text: String, limits: TemplateLimits = TemplateLimits()) throws {
    self.text = text
    self.limits = limits
    statements = try DeepStack.run { try Parser.statements(of: text) }
  }

  /// The prompt of a conversation.
  ///
  /// Each message is a dictionary with `role`, `content` (text, or a list of parts with `type` and `text`) and what
  /// else the template reads. Tool-call arguments given as JSON text are offered to the template as a mapping first,
  /// then as text. Content given as parts is joined where the template expects text.
  ///
  /// - Throws: `TemplateError`; code `.raisedByTemplate` carries the template's own words.
  public func render(
    messages: [TemplateValue], tools: [TemplateValue]? = nil, documents: [TemplateValue]? = nil,
    addGenerationPrompt: Bool = false, bosToken: String? = nil, eosToken: String? = nil,
    extra: [(String, TemplateValue)] = [], clock: TemplateClock = .system
  ) throws -> String {
    var variables: [(String, TemplateValue)] = [
      ("tools", tools.map { .list($0) } ?? .none),
      ("documents", documents.map { .list($0) } ?? .none),
      ("add_generation_prompt", .bool(addGenerationPrompt)),
    ]
    if let bosToken { variables.append(("bos_token", .string(bosToken))) }
    if let eosToken { variables.append(("eos_token", .string(eosToken))) }
    variables += extra
    return try DeepStack.run { [variables] in
      try renderContent(of: messages) { messages in
        try renderArguments(of: messages) { messages in
          try run(variables + [("messages", .list(messages))], clock)
        }
      }
    }
  }

  /// The text of the template with nothing but these variables.
  public func render(variables: [(String, TemplateValue)], clock: TemplateClock = .system) throws -> String {
    try DeepStack.run { try run(variables, clock) }
  }

  private func run(_ variables: [(String, TemplateValue)], _ clock: TemplateClock) throws -> String {
    let interpreter = Interpreter(limits: limits, clock: clock)
    let scope = Scope(parent: nil)
    for (name, value) in variables { scope.variables[name] = try interpreter.admit(value) }
    var output = ""
    _ = try interpreter.run(statements, in: scope, into: &output)
    return output
  }
}
