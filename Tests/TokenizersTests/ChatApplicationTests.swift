import ChatTemplates
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// Conversations through `applyChatTemplate`, as `apply_chat_template` of `transformers` does it: which template, which
/// variables, what becomes of the messages, how the last one goes on.
@Suite struct ChatApplicationTests {
  /// `Scripts/record_chat_application.py`: transformers 5.24.0 and 4.48.3, jinja2 3.1.6.
  private static func cases() throws -> [TemplateValue] {
    let url = SharedData.packageRoot.appendingPathComponent("Tests/TokenizersTests/Fixtures/chat_application.json")
    guard case .list(let list) = try TemplateValue(json: String(contentsOf: url, encoding: .utf8)) else { return [] }
    return list.items
  }

  @Test("text and ids of every case are those of transformers 5.24")
  func newest() throws {
    let cases = try Self.cases()
    #expect(cases.count == 45)
    for item in cases {
      let expected = item["results"]?["5.24.0"]
      let result = try Self.apply(item)
      #expect(
        result?.text == expected?["text"]?.text, "\(item["name"]?.text ?? ""): \(result?.text ?? "an error")")
      guard let ids = expected?["ids"] else { continue }
      #expect(result?.ids == Self.items(ids).compactMap(Self.integer))
    }
  }

  /// What changed from 4.48.3 to 5.24.0; all other cases have the same result in both.
  @Test("the differences of transformers 4.48 are the documented ones")
  func older() throws {
    let changed = try Self.cases().filter { item in
      let results = item["results"]
      return results?["5.24.0"]?["text"]?.text != results?["4.48.3"]?["text"]?.text
    }
    #expect(
      changed.compactMap { $0["name"]?.text } == [
        "null keys", "reasoning", "reasoning, several", "reasoning, order", "template folder", "template folder, name",
        "template folder alone", "named tokens", "continue, reasoning",
        "continue, thinking", "continue, other field",
      ])
  }

  /// The result of a case, nil where it is an error of the template or of its choice.
  private static func apply(_ item: TemplateValue) throws -> (text: String, ids: [Int])? {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let json = SharedData.packageRoot.appendingPathComponent("Tests/TokenizersTests/Fixtures/tiny_byte_level.json")
    try FileManager.default.copyItem(at: json, to: folder.appendingPathComponent("tokenizer.json"))
    for (name, content) in pairs(item["files"]) {
      let url = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data((content.text ?? jsonText(content)).utf8).write(to: url)
    }
    let tokenizer = try Tokenizer(folder: folder.path)
    let options = Dictionary(uniqueKeysWithValues: pairs(item["options"]))
    let known = ["tools", "documents", "chat_template", "add_generation_prompt", "continue_final_message"]
    let extra = pairs(item["options"]).filter { !known.contains($0.0) }
    let continued: String? =
      switch options["continue_final_message"] {
      case .bool(true)?: "content"
      case let value: value?.text
      }
    let prompts = isTrue(options["add_generation_prompt"])
    do {
      let prompt = try tokenizer.chatPrompt(
        messages: items(item["messages"]), tools: options["tools"].map(items),
        documents: options["documents"].map(items),
        template: options["chat_template"]?.text, addGenerationPrompt: prompts, continuedField: continued, extra: extra)
      let ids = try tokenizer.applyChatTemplate(
        messages: items(item["messages"]), tools: options["tools"].map(items),
        documents: options["documents"].map(items),
        template: options["chat_template"]?.text, addGenerationPrompt: prompts, continuedField: continued, extra: extra)
      return (prompt.text.string, ids)
    } catch is TemplateError { return nil }
  }

  private static func jsonText(_ value: TemplateValue) throws -> String {
    try ChatTemplate("{{ value|tojson }}").render(variables: [("value", value)])
  }

  private static func items(_ value: TemplateValue?) -> [TemplateValue] {
    if case .list(let list)? = value { list.items } else { [] }
  }

  private static func pairs(_ value: TemplateValue?) -> [(String, TemplateValue)] {
    guard case .dictionary(let dictionary)? = value else { return [] }
    return zip(dictionary.keys, dictionary.values).compactMap { key, value in key.text.map { ($0, value) } }
  }

  private static func integer(_ value: TemplateValue) -> Int? {
    if case .int(let integer) = value { integer } else { nil }
  }

  private static func isTrue(_ value: TemplateValue?) -> Bool { if case .bool(true)? = value { true } else { false } }
}
