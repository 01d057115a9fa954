import ChatTemplates
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// A model folder with a tokenizer, its configuration and a chat template.
@Suite struct AutoTokenizerTests {
  @Test("a folder: control tokens of the configuration, the chat template, encoding by name")
  func folder() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let json = SharedData.packageRoot.appendingPathComponent("Tests/TokenizersTests/Fixtures/tiny_byte_level.json")
    try FileManager.default.copyItem(at: json, to: folder.appendingPathComponent("tokenizer.json"))
    let template = "{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
    try Data(#"{"eos_token":"<|end|>","chat_template":"\#(template)"}"#.utf8)
      .write(to: folder.appendingPathComponent("tokenizer_config.json"))
    let tokenizer = try AutoTokenizer.from(modelFolder: folder)
    #expect(tokenizer.eosID == 421)
    #expect(tokenizer.hasChatTemplate)
    let word = try tokenizer.encode(text: "ab", addSpecialTokens: false)
    let ids = try tokenizer.applyChatTemplate(messages: [
      .message(role: "user", content: "ab"), .message(role: "assistant", content: "ab"),
    ])
    #expect(ids == word + [421] + word + [421])
    #expect(tokenizer.decode(tokens: ids, skipSpecialTokens: true) == "abab")
  }

  @Test("a folder without a tokenizer is refused by the names of the files it may have")
  func empty() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect {
      try AutoTokenizer.from(modelFolder: folder)
    } throws: { ($0 as? TokenizerError)?.message.contains("tekken.json") == true }
    #expect(!Tokenizer.isPresent(inFolder: folder.path))
  }

  @Test("a SentencePiece model in a folder")
  func model() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(SentencePieceFixture.bytes).write(to: folder.appendingPathComponent("tokenizer.model"))
    #expect(try AutoTokenizer.from(modelFolder: folder).encode(text: "ab") == [1, 264])
  }
}
