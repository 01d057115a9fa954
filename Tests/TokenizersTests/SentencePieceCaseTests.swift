import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Tokenizers

/// BPE files with SentencePiece's marks and byte tokens; cases recorded from `tokenizers` 0.23.3.
@Suite(.enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)))
struct SentencePieceCaseTests {
  @Test(
    "T01, T03, T04, T10, T15: ids and text",
    arguments: ["spm_legacy", "spm_first", "spm_always", "spm_never"])
  func files(name: String) throws {
    let tokenizer = try SharedFixtures.tokenizer(name + ".json")
    let cases = try SharedFixtures.json("tok_expected.json").field(name).elements
    #expect(cases.count == 13)
    for item in cases {
      let text = try #require(item.field("text").stringValue)
      let ids = item.field("ids").integers
      #expect(try tokenizer.encode(text) == ids, "\(text)")
      #expect(tokenizer.decode(ids).utf8Bytes == item.field("decode").stringValue?.utf8Bytes)
      #expect(
        ids.map { tokenizer.piece(of: $0)?.utf8Bytes }
          == item.field("tokens").elements.map { $0.stringValue?.utf8Bytes })
    }
  }

  @Test("T15: a run of byte tokens with a bad part")
  func byteFallback() throws {
    let tokenizer = try SharedFixtures.tokenizer("spm_legacy.json")
    for item in try SharedFixtures.json("tok_expected.json").field("spm_bytefallback_decode").members {
      let expected = item.value.field("decode").stringValue?.utf8Bytes
      #expect(tokenizer.decode(item.value.field("ids").integers).utf8Bytes == expected, "\(item.key)")
    }
  }

  @Test("S03: only the first space of a stream is dropped", arguments: [([289, 289], "Hi Hi"), ([259, 289], " Hi")])
  func stream(ids: [Int], expected: String) throws {
    let tokenizer = try SharedFixtures.tokenizer("spm_legacy.json")
    var detokenizer = tokenizer.streamingDetokenizer()
    #expect(ids.map { detokenizer.append($0) }.joined() + detokenizer.finish() == expected)
    #expect(tokenizer.decode(ids) == expected)
  }
}
