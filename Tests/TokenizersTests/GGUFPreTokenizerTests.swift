import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Tokenizers

/// The names of `tokenizer.ggml.pre` that llama.cpp publishes.
@Suite struct GGUFPreTokenizerTests {
  /// `Scripts/record_gguf_pretokenizers.py`: tokenizers 0.21.4.
  @Test("every name cuts texts as its patterns do in the tokenizers package")
  func names() throws {
    let path = "Tests/TokenizersTests/Fixtures/gguf_pretokenizers.json"
    let recorded = try JSONValue.parse([UInt8](Data(contentsOf: SharedData.packageRoot.appendingPathComponent(path))))
    let texts = recorded.field("texts").elements.compactMap(\.stringValue)
    let reader = TokenizerJSON(file: "tokenizer.json", content: TokenizerJSONContent())
    var names = 0
    for pattern in recorded.field("patterns").elements {
      for name in pattern.field("names").elements.compactMap(\.stringValue) {
        names += 1
        let steps = try reader.preTokenizerSteps(GGUFPreTokenizer(name: name).preTokenizer)
        let splits = PreTokenizer(steps: steps.filter { if case .byteAlphabet = $0 { false } else { true } })
        for (text, expected) in zip(texts, pattern.field("pieces").elements) {
          let bytes = text.utf8Bytes
          var pieces = [0..<bytes.count]
          try bytes.withUnsafeBufferPointer { try splits.split($0, &pieces) }
          #expect(pieces.map(\.count) == expected.integers, "\(name): \(text)")
        }
      }
    }
    #expect(names == 91)
    #expect(texts.count == 25)
  }

  /// By definition: groups of three from the right; beyond the bound on steps the text is refused, not worked on for ever.
  @Test("digits in groups", arguments: ["tiny_aya", "afmoe", "superbpe"])
  func digitGroups(name: String) throws {
    let reader = TokenizerJSON(file: "tokenizer.json", content: TokenizerJSONContent())
    let steps = try reader.preTokenizerSteps(GGUFPreTokenizer(name: name).preTokenizer)
    func pieces(digits: Int) throws -> [Int] {
      let bytes = [UInt8](repeating: UInt8(ascii: "7"), count: digits)
      var pieces = [0..<digits]
      try bytes.withUnsafeBufferPointer { try PreTokenizer(steps: steps.dropLast()).split($0, &pieces) }
      return pieces.map(\.count)
    }
    #expect(try pieces(digits: 500) == [2] + Array(repeating: 3, count: 166))
    let error = #expect(throws: TokenizerError.self) { try pieces(digits: 200_000) }
    #expect(error?.code == .cannotEncode)
  }

  @Test("a name that is not read is refused with the reason")
  func refusals() {
    for (name, reason) in [("whitespace", "drops the spaces"), ("nonsense", "not known")] {
      let vocabulary = GGUFVocabulary(model: "gpt2", preTokenizer: name, tokens: ["a"], tokenTypes: [1], merges: [])
      #expect {
        try Tokenizer(ggufVocabulary: vocabulary, file: "x.gguf")
      } throws: { error in
        let message = (error as? TokenizerError)?.message ?? ""
        return message.hasPrefix("x.gguf: ") && message.contains("\"\(name)\"") && message.contains(reason)
      }
    }
  }

  /// By definition: merges over text with `▁` for spaces, and byte pieces where there is no piece.
  @Test("gemma4: text with marks for spaces, line ends apart, bytes for the rest")
  func gemma4() throws {
    let bytes = (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return "<0x\(digits.count < 2 ? "0" : "")\(digits)>"
    }
    let vocabulary = GGUFVocabulary(
      model: "gemma4", preTokenizer: "default",
      tokens: ["<bos>", "<turn|>"] + bytes + ["▁", "a", "b", "\n", "▁a", "ab", "\n\n", "▁ab"],
      tokenTypes: [3, 4] + bytes.map { _ in 6 } + Array(repeating: 1, count: 8),
      merges: ["a b", "▁ ab", "▁ a", "\n \n"], bosID: 0)
    let tokenizer = try Tokenizer(ggufVocabulary: vocabulary)
    // 258 ▁, 259 a, 260 b, 261 \n, 262 ▁a, 263 ab, 264 \n\n, 265 ▁ab.
    #expect(try tokenizer.encode("a ab") == [0, 259, 265])
    #expect(
      try tokenizer.encode("a  b\n\n\na<turn|>", addSpecialTokens: false) == [259, 258, 258, 260, 264, 261, 259, 1])
    #expect(try tokenizer.encode("é", addSpecialTokens: false) == [2 + 0xc3, 2 + 0xa9])
    #expect(tokenizer.decode([259, 265, 2 + 0xc3, 2 + 0xa9, 264]) == "a abé\n\n")
  }
}
