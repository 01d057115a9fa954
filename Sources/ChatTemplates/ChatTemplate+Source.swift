extension ChatTemplate {
  /// The template texts of a model folder, before one is chosen.
  public struct Source: Sendable {
    /// The templates by name; the one without a special use is `default`.
    public let templates: [(name: String, text: String)]

    /// The templates of a folder: `chat_template.jinja` where the folder has it, else the `chat_template` of
    /// `tokenizer_config.json`, which is text or a list of `{name, template}`.
    ///
    /// - Parameters:
    ///   - templateFile: the text of `chat_template.jinja`, nil where the file is absent.
    ///   - configurationValue: the parsed `chat_template` of `tokenizer_config.json`, nil where it is absent.
    public init(templateFile: String?, configurationValue: TemplateValue? = nil) {
      if let templateFile {
        templates = [("default", templateFile)]
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

    /// The text to use: `tool_use` where tools are given and it exists, else `default`, else the only one.
    ///
    /// - Throws: `TemplateError` with code `.noTemplate` where there is none.
    public func text(withTools: Bool = false) throws -> String {
      let tool = withTools ? templates.first { $0.name == "tool_use" } : nil
      let only = templates.count == 1 ? templates.first : nil
      guard let chosen = tool ?? templates.first(where: { $0.name == "default" }) ?? only else {
        throw TemplateError(
          .noTemplate,
          "the model has no chat template; add chat_template.jinja to its folder, or use plain completion")
      }
      return chosen.text
    }
  }
}
