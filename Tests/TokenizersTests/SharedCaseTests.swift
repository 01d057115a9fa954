import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Tokenizers

/// Cases recorded from the `tokenizers` library, version 0.23.3.
@Suite(.enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)))
struct SharedCaseTests {
  @Test(
    "ids and decoded text of the small byte-level files",
    arguments: [("bytes256", "bytes256"), ("added", "added"), ("ignore_merges_true", "ignore_merges_true")])
  func smallFiles(file: String, key: String) throws {
    let tokenizer = try SharedFixtures.tokenizer(file + ".json")
    let cases = try SharedFixtures.json("tok_expected.json").field(key).elements
    #expect(!cases.isEmpty)
    for item in cases {
      let text = try #require(item.field("text").stringValue)
      let ids = item.field("ids").integers
      #expect(try tokenizer.encode(text) == ids, "\(text)")
      #expect(tokenizer.decode(ids) == item.field("decode").stringValue)
      #expect(ids.map { tokenizer.piece(of: $0) } == item.field("tokens").elements.map(\.stringValue))
    }
  }

  @Test("T07: an added token with normalized is matched on the normalized text")
  func normalizedAddedTokens() throws {
    let tokenizer = try SharedFixtures.tokenizer("added_normalized.json")
    #expect(try tokenizer.encode("YES yes NO no") == [256, 32, 256, 32, 257, 32, 110, 111])
  }

  @Test("T08: without ignore_merges a word of the vocabulary is built by merges")
  func ignoreMergesOff() throws {
    let text = String(decoding: try SharedFixtures.bytes("ignore_merges_true.json"), as: UTF8.self)
    let off = text.replacing("\"ignore_merges\": true", with: "\"ignore_merges\": false")
      .replacing("\"ignore_merges\":true", with: "\"ignore_merges\":false")
    let tokenizer = try Tokenizer(tokenizerJSON: Array(off.utf8))
    #expect(try tokenizer.encode("abc") == [256, 99])
    #expect(try tokenizer.encode("abcd") == [256, 99, 100])
  }

  @Test("T09: pieces of the three patterns", arguments: ["gpt2", "llama3", "qwen2"])
  func patterns(name: String) throws {
    let expected = try SharedFixtures.json("tok_expected.json")
    let regex = try #require(expected.field("pretok_regex").field(name).stringValue)
    let known = try #require(KnownPattern.spelled(regex))
    let expression = try RegularExpressionPattern(regex)
    let cases = expected.field("pretok").field(name).members
    #expect(cases.count == 19)
    for item in cases {
      let bytes = Array(item.key.utf8)
      let pieces = item.value.elements.map(\.stringValue)
      var ranges: [Range<Int>] = []
      bytes.withUnsafeBufferPointer { known.split($0, 0..<$0.count, into: &ranges) }
      #expect(ranges.map { String(decoding: bytes[$0], as: UTF8.self) } == pieces, "\(item.key)")
      let matches = try bytes.withUnsafeBufferPointer { try expression.matches($0, 0..<$0.count) }
      #expect(matches.map { String(decoding: bytes[$0], as: UTF8.self) } == pieces, "\(item.key)")
    }
  }

  @Test("T11: control tokens in the text are plain text where asked")
  func controlTokensAsText() throws {
    let tokenizer = try SharedFixtures.tokenizer("added.json")
    for item in try SharedFixtures.json("tok_expected.json").field("added_encode_special").elements {
      let text = try #require(item.field("text").stringValue)
      #expect(try tokenizer.encode(text, parseSpecialTokens: false) == item.field("ids").integers)
    }
  }

  @Test("T12: one word of 200,001 letters")
  func longWord() throws {
    let tokenizer = try SharedFixtures.tokenizer("longword.json")
    let ids = try tokenizer.encode(String(repeating: "a", count: 200_001))
    #expect(ids.count == 50_001)
    #expect(Array(ids.prefix(3)) == [257, 257, 257])
    #expect(Array(ids.suffix(3)) == [257, 257, 97])
  }

  @Test("T13: 6,000 added tokens")
  func manyAddedTokens() throws {
    let added = (0..<6000).map { #"{"id":\#(256 + $0),"content":"<u\#($0)>","special":true}"# }
    let text = String(decoding: try SharedFixtures.bytes("bytes256.json"), as: UTF8.self)
    let packed = "\"added_tokens\":[" + added.joined(separator: ",") + "]"
    let tokenizer = try Tokenizer(
      tokenizerJSON: Array(
        text.replacing("\"added_tokens\": []", with: packed).replacing("\"added_tokens\":[]", with: packed).utf8))
    let plain = String(repeating: "x<y\n", count: 400)
    #expect(try tokenizer.encode(plain) == plain.utf8.map(Int.init))
    #expect(try tokenizer.encode("<u5999><u59990>") == [6255, 60, 117, 53, 57, 57, 57, 48, 62])
  }

  @Test("T14: an id without a token decodes to nothing")
  func unknownID() throws {
    let tokenizer = try SharedFixtures.tokenizer("bytes256.json")
    #expect(tokenizer.decode([104, 999_999, -1, 105]) == "hi")
    #expect(tokenizer.vocabularySize == 256)
    #expect(tokenizer.bytes(of: 999_999) == nil)
  }

  @Test("invalid UTF-8 decodes to one U+FFFD per maximal subpart")
  func invalidBytes() throws {
    let tokenizer = try SharedFixtures.tokenizer("bytes256.json")
    for item in try SharedFixtures.json("tok_expected.json").field("bytelevel_decode").members {
      #expect(
        tokenizer.decode(item.value.field("ids").integers) == item.value.field("decode").stringValue, "\(item.key)")
    }
  }

  @Test("T16: normalization forms", arguments: ["NFKC", "NFC", "NFD", "strip_accents"])
  func normalizers(name: String) throws {
    let normalizer: Normalizer =
      NormalizationForm(rawValue: name).map { .form($0) } ?? .sequence([.form(.nfd), .stripAccents])
    for item in try SharedFixtures.json("tok_expected.json").field("norm").field(name).members {
      var text = AlignedText(bytes: Array(item.key.utf8))
      try normalizer.apply(to: &text)
      #expect(text.bytes == item.value.stringValue.map { Array($0.utf8) }, "\(item.key)")
    }
  }

  @Test("T03, T05, S01: SmolLM2's vocabulary", .enabled(if: SharedFixtures.hasZstd, "zstd is not installed"))
  func smolLM2() throws {
    let tokenizer = try SharedFixtures.smolLM2()
    let expected = try SharedFixtures.json("smol_expected.json")
    for item in expected.field("smollm2").elements {
      let text = try #require(item.field("text").stringValue)
      #expect(try tokenizer.encode(text) == item.field("ids").integers, "\(text)")
      #expect(tokenizer.decode(item.field("ids").integers) == text)
    }
    for item in expected.field("stream_smollm2").elements {
      var detokenizer = tokenizer.streamingDetokenizer()
      let chunks = item.field("ids").integers.map { detokenizer.append($0) }
      #expect(chunks == item.field("chunks").elements.map(\.stringValue))
      #expect(detokenizer.finish() == "")
    }
  }

  @Test("S04, S05: streams of bytes that are no characters")
  func streams() throws {
    let tokenizer = try SharedFixtures.tokenizer("bytes256.json")
    for item in try SharedFixtures.json("smol_expected.json").field("stream_bytes256").elements {
      var detokenizer = tokenizer.streamingDetokenizer()
      let chunks = item.field("bytes").integers.map { detokenizer.append($0) }
      #expect(chunks == item.field("chunks").elements.map(\.stringValue), "\(item.field("name"))")
      #expect(detokenizer.finish() == item.field("flush").stringValue)
      #expect(tokenizer.decode(item.field("bytes").integers) == item.field("full").stringValue)
    }
  }
}
