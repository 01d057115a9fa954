import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Tokenizers

/// The texts and ids that llama.cpp ships beside its vocabularies (`ggml-vocab-*.gguf.inp` and `.out`).
@Suite(
  .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)),
  .enabled(if: SharedFixtures.hasZstd, "zstd is not installed"))
struct VocabularyCaseTests {
  private func check(_ tokenizer: Tokenizer, against name: String) throws {
    let path = "data/tokenizers/llama.cpp-vocab/ggml-vocab-\(name).gguf"
    let input = try String(contentsOf: SharedData.url(path + ".inp"), encoding: .utf8)
    let output = try String(contentsOf: SharedData.url(path + ".out"), encoding: .utf8)
    let texts = input.components(separatedBy: "\n__ggml_vocab_test__\n")
    let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(texts.count > 40)
    for (text, line) in zip(texts, lines) {
      let ids = try tokenizer.encode(text, addSpecialTokens: false)
      #expect(ids == line.split(separator: " ").compactMap { Int($0) }, "\(text)")
      #expect(tokenizer.decode(ids).utf8Bytes == text.utf8Bytes)
    }
  }

  @Test("Llama 3.2's tokenizer.json against llama-bpe")
  func llama32() throws {
    let bytes = try SharedFixtures.unpacked("data/tokenizers/llama-3.2/tokenizer.json.zst")
    let tokenizer = try Tokenizer(tokenizerJSON: bytes)
    try check(tokenizer, against: "llama-bpe")
    #expect(try tokenizer.encode("Hi") == [128000, 13347])
  }

  @Test("GPT-2's vocabulary and merges against gpt-2")
  func gpt2() throws {
    let root = try JSONValue.parse(SharedFixtures.unpacked("data/tokenizers/gpt2/vocab.json.zst"))
    var tokens = [String](repeating: "", count: root.members.count)
    for member in root.members { tokens[try #require(member.value.intValue)] = member.key }
    let merges = String(
      decoding: try SharedFixtures.unpacked("data/tokenizers/gpt2/merges.txt.zst"), as: UTF8.self)
    let tokenizer = try Tokenizer(
      ggufVocabulary: GGUFVocabulary(
        model: "gpt2", preTokenizer: "gpt-2", tokens: tokens, tokenTypes: tokens.map { $0 == "<|endoftext|>" ? 3 : 1 },
        merges: merges.split(separator: "\n").filter { !$0.hasPrefix("#version") }.map(String.init)))
    try check(tokenizer, against: "gpt-2")
  }

  @Test("Phi-3's tokenizer.json against llama-spm")
  func phi3() throws {
    let bytes = try SharedFixtures.unpacked("data/tokenizers/phi/phi-3-mini.tokenizer.json.zst")
    try check(try Tokenizer(tokenizerJSON: bytes), against: "llama-spm")
  }
}
