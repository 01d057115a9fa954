import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Tokenizers

/// Values recorded by `Scripts/record_tokenizer_golden.py`; strings are compared by their bytes.
@Suite struct GoldenTests {
  private let folder = SharedData.packageRoot.appendingPathComponent("Tests/TokenizersTests/Fixtures")

  private func golden() throws -> JSONValue {
    try JSONValue.parse([UInt8](Data(contentsOf: folder.appendingPathComponent("golden.json"))))
  }

  private func tokenizer() throws -> Tokenizer {
    try Tokenizer(tokenizerJSON: folder.appendingPathComponent("tiny_byte_level.json").path)
  }

  @Test("ids, text and stream chunks of many scripts")
  func cases() throws {
    let tokenizer = try tokenizer()
    let cases = try golden().field("cases").elements
    #expect(cases.count == 27)
    for item in cases {
      let text = try #require(item.field("text").stringValue)
      let ids = item.field("ids").integers
      #expect(try tokenizer.encode(text, addSpecialTokens: false) == ids, "\(text)")
      #expect(try tokenizer.encode(text) == item.field("with_template").integers, "\(text)")
      #expect(
        try tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
          == item.field("unparsed").integers, "\(text)")
      #expect(tokenizer.decode(ids).utf8Bytes == item.field("decoded").stringValue?.utf8Bytes)
      #expect(
        tokenizer.decode(ids, skipSpecialTokens: true).utf8Bytes
          == item.field("decoded_without_special").stringValue?.utf8Bytes)
      var detokenizer = tokenizer.streamingDetokenizer()
      let chunks = ids.map { detokenizer.append($0) } + [detokenizer.finish()]
      #expect(chunks.map(\.utf8Bytes) == item.field("stream").elements.map { $0.stringValue?.utf8Bytes })
    }
  }

  @Test(
    "pieces of the patterns, from the scanners and from the engine",
    arguments: ["gpt2", "llama3", "qwen2", "deepseek", "numbers", "unknown"])
  func pieces(name: String) throws {
    let golden = try golden()
    let regex = try #require(golden.field("patterns").field(name).stringValue)
    let known = KnownPattern.spelled(regex)
    #expect((known == nil) == (name == "unknown"))
    let expression = PreTokenizer.Step.expression(try RegularExpressionPattern(regex), .isolated, inverted: false)
    for step in [known.map { .known($0) }, expression].compactMap({ $0 }) {
      for (text, expected) in zip(golden.field("texts").elements, golden.field("pieces").field(name).elements) {
        let pieces = try split(#require(text.stringValue), [step])
        #expect(pieces == expected.elements.map { $0.stringValue?.utf8Bytes }, "\(text)")
      }
    }
  }

  @Test(
    "behaviors of Split",
    arguments: [
      ("removed", SplitBehavior.removed), ("isolated", .isolated), ("merged_with_previous", .mergedWithPrevious),
      ("merged_with_next", .mergedWithNext), ("contiguous", .contiguous),
    ])
  func behaviors(name: String, behavior: SplitBehavior) throws {
    let pieces = try split("-a--b-c-", [.literal([UInt8(ascii: "-")], behavior, inverted: false)])
    #expect(pieces == (try golden()).field("behaviors").field(name).elements.map { $0.stringValue?.utf8Bytes })
  }

  @Test("matches that are empty cut a text, and are replaced")
  func emptyMatches() throws {
    let golden = try golden()
    let reader = TokenizerJSON(file: "test", content: TokenizerJSONContent())
    let cases = golden.field("empty_matches").elements
    #expect(cases.count == 60)
    for item in cases {
      let behavior = try #require(SplitBehavior(spelling: item.field("behavior").stringValue ?? ""))
      let expression = try RegularExpressionPattern(item.field("pattern").stringValue ?? "")
      let pieces = try split("ab  bxxa", [.expression(expression, behavior, inverted: item.field("invert").flag)])
      #expect(pieces == item.field("pieces").elements.map { $0.stringValue?.utf8Bytes }, "\(item)")
    }
    for (pattern, expected) in golden.field("replaced").members {
      let part: JSONValue = ["type": "Replace", "pattern": ["Regex": .string(pattern)], "content": "_"]
      var text = AlignedText(bytes: "ab  bxxa".utf8Bytes)
      try #require(try reader.normalizer(part)).apply(to: &text)
      #expect(text.bytes == expected.stringValue?.utf8Bytes, "\(pattern)")
    }
  }

  @Test("normalizers", arguments: ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"])
  func normalizers(name: String) throws {
    let golden = try golden()
    let reader = TokenizerJSON(file: "test", content: TokenizerJSONContent())
    let normalizer = try #require(try reader.normalizer(.object([("type", .string(name))])))
    for (text, expected) in zip(golden.field("texts").elements, golden.field("normalized").field(name).elements) {
      var aligned = AlignedText(bytes: try #require(text.stringValue?.utf8Bytes))
      try normalizer.apply(to: &aligned)
      #expect(aligned.bytes == expected.stringValue?.utf8Bytes, "\(text)")
    }
  }

  @Test("tokens that share a character have its range; together the ranges cover the text")
  func offsets() throws {
    let tokenizer = try tokenizer()
    let text = "The 🥳<|end|> 量子"
    let spans = try tokenizer.encodeWithOffsets(text)
    #expect(spans.first == TokenSpan(id: 420, start: 0, end: 0))
    #expect(spans.first { $0.id == 421 } == TokenSpan(id: 421, start: 8, end: 15))
    #expect(zip(spans, spans.dropFirst()).allSatisfy { $0.end == $1.start || ($0.start, $0.end) == ($1.start, $1.end) })
    #expect(spans.map(\.end).max() == text.utf8.count)
  }

  @Test("the names of tokens")
  func names() throws {
    let tokenizer = try tokenizer()
    #expect(tokenizer.tokenID(of: "<|end|>") == 421)
    #expect(tokenizer.isSpecial(421))
    #expect(!tokenizer.isSpecial(422))
    #expect(tokenizer.piece(of: 422) == "<mask>")
    #expect(tokenizer.vocabularySize == 425)
    #expect(tokenizer.tokenID(of: "nowhere") == nil)
    let space = try #require(tokenizer.tokenID(of: "Ġ"))
    #expect(tokenizer.bytes(of: space) == [0x20])
  }

  private func split(_ text: String, _ steps: [PreTokenizer.Step]) throws -> [[UInt8]] {
    var aligned = AlignedText(bytes: text.utf8Bytes)
    var pieces = [0..<aligned.bytes.count]
    try PreTokenizer(steps: steps).split(&aligned, &pieces)
    return pieces.filter { !$0.isEmpty }.map { Array(aligned.bytes[$0]) }
  }
}

extension String {
  var utf8Bytes: [UInt8] { Array(utf8) }
}
