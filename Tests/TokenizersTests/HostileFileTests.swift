import JSONReader
import TestSupport
import Testing

@testable import Tokenizers

/// Files made to exhaust time, memory or the stack: each ends in an error, or in a tokenizer that works.
@Suite struct HostileFileTests {
  private func tokenizer(pattern: String) throws -> Tokenizer {
    let split: JSONValue = ["type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated"]
    let root: JSONValue = [
      "pre_tokenizer": split,
      "model": ["type": "BPE", "vocab": ["a": 0, "b": 1], "merges": .array([]), "unk_token": "b"],
    ]
    return try Tokenizer(tokenizerJSON: Array(root.serialized().utf8))
  }

  /// By definition: the work of a match is bounded by its text, whatever the pattern.
  @Test(
    "patterns that take exponential time are stopped",
    arguments: [
      "(a|a|aa)+$", "(a*)*$", "(a+)+b?$", "(?:a?){60}a{60}$", "(?=(a|aa)+$)b", "(?:(?:a*)*)*$", "(a{0,40}){40}$",
    ])
  func exponentialPatterns(pattern: String) throws {
    let text = String(repeating: "a", count: 60) + "b"
    do {
      let tokenizer = try tokenizer(pattern: pattern)
      #expect(try !tokenizer.encode(text).isEmpty)
    } catch let error as TokenizerError {
      #expect([.cannotEncode, .unsupportedPart].contains(error.code), "\(error)")
    }
  }

  @Test("the error of a pattern that was stopped names the pattern")
  func stoppedPattern() throws {
    let tokenizer = try tokenizer(pattern: "(a|a|aa)+$")
    let error = #expect(throws: TokenizerError.self) {
      try tokenizer.encode(String(repeating: "a", count: 60) + "b")
    }
    #expect(error?.code == .cannotEncode)
    #expect(error?.message.contains("(a|a|aa)+$") == true)
  }

  /// By definition: patterns that nest or repeat beyond every real one are refused, by the pattern, or read.
  @Test("giant patterns")
  func giantPatterns() {
    let patterns = [
      String(repeating: "(", count: 100_000),
      String(repeating: "(", count: 60) + "a" + String(repeating: "|b)", count: 60),
      String(repeating: "(", count: 100_000) + String(repeating: ")", count: 100_000),
      String(repeating: "[", count: 100_000), String(repeating: "(?=", count: 100_000),
      String(repeating: "a|", count: 200_000), "(((a{1000}){1000}){1000}){1000}", "a{999999999999999999999}",
      "a{0,18446744073709551616}", "a" + String(repeating: "{1}", count: 100_000),
      "a" + String(repeating: "+", count: 100_000), "a" + String(repeating: "?", count: 100_000),
      String(repeating: "(?i)", count: 100_000), String(repeating: "a*", count: 20_000) + "$",
      #"\x{ffffffffffffffff}"#, "[z-a]", "[", "(?", "\\", "a{,", #"\p{"#, "(?<", "[a-\\", "[[:alpha:", "*", "(*)", "|*",
      "\u{0}", "[\u{10ffff}-\u{0}]", "(?:)*", "(?:a|)*", "(?:)+?x",
    ]
    for pattern in patterns {
      do {
        let tokenizer = try tokenizer(pattern: pattern)
        #expect(try !tokenizer.encode("aab").isEmpty)
      } catch {
        #expect(error is TokenizerError, "\(pattern.prefix(40))")
      }
    }
  }

  /// By definition: JSON that nests or counts beyond every real file is refused.
  @Test("giant JSON")
  func giantJSON() {
    let texts = [
      String(repeating: "[", count: 1_000_000), String(repeating: #"{"a":"#, count: 300_000),
      #"{"normalizer":"# + String(repeating: #"{"type":"Sequence","normalizers":["#, count: 100_000),
      #"{"model":{"type":"BPE","vocab":"# + String(repeating: "[", count: 100_000),
      #"{"model":{"type":"BPE","vocab":{"a":9223372036854775807},"merges":[]}}"#,
      #"{"model":{"type":"BPE","vocab":{"a":1e999},"merges":[]}}"#,
      #"{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}"#,
      #"{"model":{"type":"BPE","vocab":{"a":99999999999999999999999999},"merges":[]}}"#,
      #"{"model":{"type":"BPE","vocab":{"a":4294967296},"merges":[]}}"#,
      #"{"model":{"type":"Unigram","unk_id":99999999999999999999,"vocab":[["a",0]]}}"#,
      #"{"model":{"type":"Unigram","unk_id":-5,"vocab":[["a",1e999]]}}"#,
      #"{"added_tokens":[{"id":9223372036854775807,"content":"x"}],"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}"#,
      #"{"pre_tokenizer":{"type":"FixedLength","length":9223372036854775807},"model":{"type":"BPE","merges":[],"vocab":{}}"#,
    ]
    for text in texts {
      #expect(throws: TokenizerError.self, "\(text.prefix(60))") { try Tokenizer(tokenizerJSON: Array(text.utf8)) }
    }
  }

  /// By definition: steps that multiply a text, fifty times or at once, are stopped before they fill the memory.
  @Test(
    "rules that multiply the text",
    arguments: [
      (#"{"String":"a"}"#, 10, 50), (#"{"Regex":"a"}"#, 10, 50), (#"{"Regex":""}"#, 4, 50),
      (#"{"String":"a"}"#, 1 << 22, 1),
      (#"{"Regex":"(?=a)"}"#, 1 << 22, 2),
    ])
  func multiplyingRules(pattern: String, length: Int, count: Int) throws {
    let content = String(repeating: "a", count: length)
    let step = #"{"type":"Replace","pattern":\#(pattern),"content":"\#(content)"}"#
    let steps = Array(repeating: step, count: count).joined(separator: ",")
    let model = #""model":{"type":"BPE","vocab":{"a":0},"merges":[]}"#
    let normalizing = try Tokenizer(
      tokenizerJSON: Array(#"{"normalizer":{"type":"Sequence","normalizers":[\#(steps)]},\#(model)}"#.utf8))
    let error = #expect(throws: TokenizerError.self) {
      try normalizing.encode(String(repeating: "a", count: 3_000))
    }
    #expect(error?.code == .cannotEncode)
    let decoding = try Tokenizer(
      tokenizerJSON: Array(#"{"decoder":{"type":"Sequence","decoders":[\#(steps)]},\#(model)}"#.utf8))
    #expect(decoding.decode([0, 0, 0]) == "aaa")
    var detokenizer = decoding.streamingDetokenizer()
    #expect(detokenizer.append(0) + detokenizer.append(0) + detokenizer.finish() == "aa")
  }

  /// By definition: lists that do not fit one another are refused by the file.
  @Test("GGUF vocabularies that contradict themselves")
  func contradictingVocabularies() {
    let base = GGUFVocabulary(
      model: "gpt2", preTokenizer: "smollm", tokens: ["a", "b", "ab"], tokenTypes: [1, 1, 1], merges: ["a b"])
    func refused(_ change: (inout GGUFVocabulary) -> Void) {
      var vocabulary = base
      change(&vocabulary)
      #expect(throws: TokenizerError.self) { try Tokenizer(ggufVocabulary: vocabulary, file: "x.gguf").encode("ab") }
    }
    refused { $0.merges = ["a c"] }
    refused { $0.merges = ["ab"] }
    refused { $0.merges = ["a  b"] }
    refused { $0.tokenTypes = [1] }
    refused { $0.bosID = 3 }
    refused { $0.bosID = -1 }
    refused { $0.eosIDs = [.max] }
    refused { $0.tokens = [] }
    refused { $0.model = "llama" }
    refused { ($0.model, $0.scores) = ("llama", [0, .nan, 1]) }
    refused { ($0.model, $0.scores) = ("llama", [0, .infinity, 1]) }
  }

  /// By definition: whatever types and repeated spellings a file lists, its tokenizer stays within its vocabulary.
  @Test("GGUF vocabularies with random lists", arguments: ["gpt2", "gemma4", "llama"])
  func randomVocabularies(model: String) {
    var random = SplitMix(state: 7)
    let spellings = ["a", "b", "ab", "Ġ", "▁", "", "<0x61>", "<0xZZ>", "é", "\u{0}", "aa", "<s>", "\n", " "]
    for _ in 0..<300 {
      let count = Int(random.next(12))
      let tokens = (0..<count).map { _ in spellings[Int(random.next(UInt64(spellings.count)))] }
      let types = (0..<count).map { _ in Int(random.next(9)) - 1 }
      let merges = (0..<random.next(4)).map { _ in
        (0..<2).map { _ in spellings[Int(random.next(5))] }.joined(separator: " ")
      }
      do {
        let tokenizer = try Tokenizer(
          ggufVocabulary: GGUFVocabulary(
            model: model, preTokenizer: "default", tokens: tokens, tokenTypes: types, merges: merges,
            bosID: count > 0 ? Int(random.next(UInt64(count))) : nil, scores: tokens.map { _ in -Float(random.next(5)) }
          ))
        let ids = try tokenizer.encode("ab aab é\n<s> x")
        #expect(ids.allSatisfy { (0..<tokenizer.vocabularySize).contains($0) })
        _ = tokenizer.decode(ids + [0, 1, 99])
      } catch {
        #expect(error is TokenizerError)
      }
    }
  }
}
