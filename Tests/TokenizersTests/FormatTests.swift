import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Tokenizers

/// Vocabularies that are no `tokenizer.json`.
@Suite struct FormatTests {
  @Test("a SentencePiece model: the best score first, byte pieces, user-defined pieces whole")
  func sentencePiece() throws {
    let tokenizer = try Tokenizer(sentencePieceModel: SentencePieceFixture.bytes)
    // Ids of the pieces above: 259 is the mark, 260 a, 261 b, 262 ab, 263 ▁a, 264 ▁ab, 265 <x>.
    #expect(try tokenizer.encode("ab") == [1, 264])
    #expect(try tokenizer.encode("ab a", addSpecialTokens: false) == [264, 263])
    #expect(try tokenizer.encode("a<x>é", addSpecialTokens: false) == [263, 265, 3 + 0xc3, 3 + 0xa9])
    #expect(try tokenizer.encode("  b", addSpecialTokens: false) == [259, 259, 259, 261])
    #expect(tokenizer.decode([264, 263, 3 + 0xc3, 3 + 0xa9]) == "ab aé")
    #expect(tokenizer.bosID == 1)
    #expect(tokenizer.eosIDs == [2])
  }

  @Test("SentencePiece types that are not read are refused by name")
  func refusedModel() {
    // trainer_spec with model_type 3.
    let bytes = SentencePieceFixture.bytes + [0x12, 2, 0x18, 3]
    #expect {
      try Tokenizer(sentencePieceModel: bytes, file: "x.model")
    } throws: { ($0 as? TokenizerError)?.message.contains("x.model: the model type word") == true }
  }

  @Test("ranks of no known family are refused")
  func unknownRanks() {
    #expect {
      try Tokenizer(ranks: Array("YQ== 0\nYg== 1\n".utf8), file: "x.tiktoken")
    } throws: { ($0 as? TokenizerError)?.code == .unsupportedPart }
  }

  @Test(
    "parts that only the engine for patterns can cut",
    arguments: [
      (#"[^\r\n\p{L}]?\p{Lu}+\p{Ll}*|\p{N}{1,2}"#, "aBc123 D", ["a", "Bc", "12", "3", " D"]),
      (#"(?:ab)+?c|x{2,}"#, "ababcxxxx", ["ababc", "xxxx"]),
      (#"(?i:k|s)+"#, "K\u{212a}s\u{17f}t", ["K\u{212a}s\u{17f}", "t"]),
      (#"\d{1,3}(?=(?:\d{3})*\b)"#, "1234567", ["1", "234", "567"]),
      (#"[^\W\d_]+"#, "ab_1é", ["ab", "_1", "é"]),
      ("[\u{4e00}-\u{9fa5}\u{1f973}]+", "é一二\u{9fa6}a三🥳🥴", ["é", "一二", "\u{9fa6}a", "三🥳", "🥴"]),
    ])
  func engine(pattern: String, text: String, expected: [String]) throws {
    let expression = try RegularExpressionPattern(pattern)
    let bytes = Array(text.utf8)
    var pieces: [Range<Int>] = []
    try bytes.withUnsafeBufferPointer {
      SplitBehavior.isolated.apply(
        try expression.matches($0, 0..<$0.count), to: 0..<$0.count, inverted: false, into: &pieces)
    }
    #expect(pieces.map { String(decoding: bytes[$0], as: UTF8.self) } == expected)
  }
}
