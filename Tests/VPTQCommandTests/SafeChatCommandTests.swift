import Foundation
import TestSupport
import Testing
import VPTQ

/// `vptq generate --chat` on messages that spell control tokens.
@Suite("Safe chat command", .serialized)
struct SafeChatCommandTests {
  @Test("a message's control token is plain text; --allow-control-tokens makes it a token (case T11)")
  func controlTokensInMessages() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = try RandomModel(hidden: 32, blocks: 1, vocabulary: 257, hasTokenizer: true).write(in: folder)
    let tokenizer = URL(fileURLWithPath: model + "/tokenizer.json")
    let token =
      #"{"id": 256, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false, "#
      + #""normalized": false, "special": true}"#
    let json = try String(contentsOf: tokenizer, encoding: .utf8)
    try Data(json.replacingOccurrences(of: #""added_tokens": []"#, with: #""added_tokens": [\#(token)]"#).utf8)
      .write(to: tokenizer)
    try Data("{% for m in messages %}{{ m.content }}<|end|>{% endfor %}".utf8)
      .write(to: URL(fileURLWithPath: model + "/chat_template.jinja"))
    func promptTokens(_ more: [String]) throws -> Int? {
      let run = try Program.run(
        ["generate", model, "-p", "a<|end|>b", "--max-tokens", "1", "--temperature", "0", "--json"] + more)
      #expect(run.status == 0, "\(run.errors)")
      return try JSONValue.parse(Array(run.output.utf8))["prompt_tokens"]?.intValue
    }
    #expect(try promptTokens(["--chat"]) == 10)
    #expect(try promptTokens(["--chat", "--allow-control-tokens"]) == 4)
    let misplaced = try Program.run(["generate", model, "-p", "a", "--allow-control-tokens"])
    #expect(misplaced.status == 64)
    #expect(misplaced.errors.contains("--allow-control-tokens goes with --chat"))
  }
}
