extension ChatTemplate {
  /// The template texts of a model folder, before one is chosen.
  public struct Source: Sendable {
    /// The templates by name; the one without a special use is `default`.
    public let templates: [(name: String, text: String)]

    /// The templates of a folder: `chat_template.jinja` and those of `additional_chat_templates` where the folder has
    /// one, else the `chat_template` of `tokenizer_config.json`, which is text or a list of `{name, template}`.
    ///
    /// - Parameters:
    ///   - templateFile: the text of `chat_template.jinja`, nil where the file is absent.
    ///   - additional: the names, without `.jinja`, and texts of the files in `additional_chat_templates`.
    ///   - configurationValue: the parsed `chat_template` of `tokenizer_config.json`, nil where it is absent.
    public init(
      templateFile: String?, additional: [(name: String, text: String)] = [], configurationValue: TemplateValue? = nil
    ) {
      if templateFile != nil || !additional.isEmpty {
        templates = (templateFile.map { [(name: "default", text: $0)] } ?? []) + additional
      } else if let text = configurationValue?.text {
        templates = [("default", text)]
      } else if case .list(let list)? = configurationValue {
        templates = list.items.compactMap { entry in
          guard let name = entry["name"]?.text, let text = entry["template"]?.text else { return nil }
          return (name, text)
        }
      } else {
        templates = []
      }
    }

    /// The templates of a folder, given the whole text of `tokenizer_config.json`; throws `.malformedJSON`.
    public init(templateFile: String?, tokenizerConfiguration: String?) throws {
      let value = templateFile == nil ? try tokenizerConfiguration.map { try TemplateValue(json: $0) } : nil
      self.init(templateFile: templateFile, configurationValue: value?["chat_template"])
    }

    /// The text to use: the chosen one, else `tool_use` where tools are given and it exists, else `default`.
    ///
    /// - Parameter choice: the name of a template, or the text of one that is not the model's.
    /// - Throws: `TemplateError` with code `.noTemplate` where there is none.
    public func text(_ choice: String? = nil, withTools: Bool = false) throws -> String {
      func named(_ name: String) -> String? { templates.last { $0.name == name }?.text }
      if let choice { return named(choice) ?? choice }
      if let text = (withTools ? named("tool_use") : nil) ?? named("default") { return text }
      let names = templates.map(\.name).sorted().joined(separator: ", ")
      throw TemplateError(
        .noTemplate,
        names.isEmpty
          ? "the model has no chat template; add chat_template.jinja to its folder, or use plain completion"
          : "the model has no default chat template; name one of \(names)")
    }
  }
}
