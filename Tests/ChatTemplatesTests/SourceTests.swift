import ChatTemplates
import TestSupport
import Testing

/// Case C09: which template of a folder is used, after the load order of `transformers`.
@Suite struct SourceTests {
  private let listed =
    #"{"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]}"#

  @Test func templateFileWins() throws {
    let source = try ChatTemplate.Source(templateFile: "J", tokenizerConfiguration: #"{"chat_template": "K"}"#)
    #expect(try source.text() == "J")
  }

  @Test func configurationHoldsTextOrList() throws {
    let text = try ChatTemplate.Source(templateFile: nil, tokenizerConfiguration: #"{"chat_template": "K"}"#)
    #expect(try text.text(withTools: true) == "K")
    let list = try ChatTemplate.Source(templateFile: nil, tokenizerConfiguration: listed)
    #expect(try list.text() == "D")
    #expect(try list.text(withTools: true) == "T")
  }

  @Test func noTemplateIsAPlainError() throws {
    let source = try ChatTemplate.Source(templateFile: nil, tokenizerConfiguration: "{}")
    let error = #expect(throws: TemplateError.self) { _ = try source.text() }
    #expect(error?.code == .noTemplate)
  }
}
