import ChatTemplates
import Foundation
import TestSupport
import Testing

/// Renders recorded from `transformers`.
@Suite struct RecordedTemplateTests {
  /// `Scripts/record_templates.py`: transformers 4.48.3, jinja2 3.1.6.
  @Test func smallTemplatesRenderAsTransformersDoes() throws {
    let cases = try RecordedCases.fixture("templates.json")
    #expect(cases.count == 32)
    for item in cases {
      let name = item["name"]?.text ?? ""
      do {
        let output = try ChatTemplate(item["template"]?.text ?? "")
          .render(variables: RecordedCases.pairs(item["variables"]))
        #expect(RecordedCases.same(output, item["output"]?.text), "\(name): \(output)")
      } catch let error as TemplateError {
        let codes = RecordedCases.codes(item["error"]?.text ?? "")
        #expect(codes.contains(error.code), "\(name): \(error.code) \(error)")
      }
    }
  }

  /// Section C of the shared cases: transformers 5.24.0, clock fixed at 2024-07-26 09:05:03.
  @Test(.enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)))
  func sharedCasesRenderAsTransformersDoes() throws {
    let cases = try RecordedCases.read(SharedData.url("cases/fixtures/chat_expected.json"))
    #expect(cases.count == 46)
    for item in cases {
      let name = item["name"]?.text ?? ""
      let messages = item["messages"] ?? .list([])
      let variables = [("messages", messages), ("add_generation_prompt", .bool(false))]
      do {
        let output = try ChatTemplate(item["template"]?.text ?? "").render(
          variables: variables + RecordedCases.pairs(item["kwargs"]), clock: .fixed(1_721_984_703))
        #expect(RecordedCases.same(output, item["out"]?.text), "\(name): \(output)")
      } catch let error as TemplateError {
        let recorded = item["error"]?.text ?? "none recorded"
        let kind = recorded.prefix { $0 != ":" }
        #expect(RecordedCases.codes(String(kind)).contains(error.code), "\(name): \(error.code) \(error)")
        if kind == "TemplateError" { #expect("TemplateError: " + error.message == recorded) }
      }
    }
  }

  /// The template of SmolLM2-135M-Instruct; the text is what transformers 4.48.3 writes.
  @Test(.enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)))
  func smolLM2RendersAsTransformersDoes() throws {
    let text = try String(
      contentsOf: SharedData.url("data/tokenizers/smollm2/chat_template.jinja"), encoding: .utf8)
    let prompt = try ChatTemplate(text).render(
      messages: [.message(role: "user", content: "Hi")], addGenerationPrompt: true)
    #expect(
      prompt == """
        <|im_start|>system
        You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
        <|im_start|>user
        Hi<|im_end|>
        <|im_start|>assistant

        """)
  }
}
