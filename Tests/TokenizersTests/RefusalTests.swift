import Testing

@testable import Tokenizers

/// Files that are refused, by the name of the file and of the part.
@Suite struct RefusalTests {
  private func refusal(_ json: String) -> TokenizerError? {
    do {
      _ = try Tokenizer(tokenizerJSON: Array(json.utf8), file: "model/tokenizer.json")
      return nil
    } catch {
      return error as? TokenizerError
    }
  }

  @Test(
    "unsupported parts",
    arguments: [
      (#"{"model":{"type":"Bigram","vocab":[]}}"#, "model \"Bigram\""),
      (#"{"model":{"type":"BPE","vocab":{},"merges":[],"dropout":0.1}}"#, "\"dropout\""),
      (#"{"model":{"type":"BPE","vocab":{},"merges":[]},"pre_tokenizer":{"type":"Mecab"}}"#, "\"Mecab\""),
      (#"{"model":{"type":"BPE","vocab":{},"merges":[]},"normalizer":{"type":"Rot13"}}"#, "normalizer \"Rot13\""),
      (#"{"model":{"type":"BPE","vocab":{},"merges":[]},"decoder":{"type":"Rot13"}}"#, "decoder \"Rot13\""),
      (#"{"model":{"type":"BPE","vocab":{},"merges":[]},"post_processor":{"type":"Pair"}}"#, "\"Pair\""),
      (
        #"{"model":{"type":"BPE","vocab":{},"merges":[]},"pre_tokenizer":{"type":"Split","behavior":"Isolated","#
          + #""pattern":{"Regex":"(?<=a)b"}}}"#, "(?<=a)b"
      ),
    ])
  func unsupported(json: String, part: String) throws {
    let error = try #require(refusal(json))
    #expect(error.code == .unsupportedPart)
    #expect(error.message.hasPrefix("model/tokenizer.json: "))
    #expect(error.message.contains(part))
  }

  @Test(
    "malformed files",
    arguments: [
      (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}"#, "merge 0"),
      (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":["aa"]}}"#, "merge 0"),
      (#"{"model":{"type":"BPE","vocab":{"a":4000000000000},"merges":[]}}"#, "4000000000000"),
      (#"{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}"#, "-1"),
      (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"?"}}"#, "unknown token"),
      (#"{"model":{"type":"BPE","merges":[]}}"#, "vocab"),
    ])
  func malformed(json: String, part: String) throws {
    let error = try #require(refusal(json))
    #expect(error.code == .malformedFile)
    #expect(error.message.contains(part))
  }

  @Test("a file that is not there")
  func absent() {
    #expect { try Tokenizer(folder: "/nowhere") } throws: { ($0 as? TokenizerError)?.code == .cannotReadFile }
  }

  @Test("GGUF models and patterns by name")
  func gguf() {
    for (model, pattern) in [("rwkv", "default"), ("gpt2", "nonsense")] {
      let vocabulary = GGUFVocabulary(
        model: model, preTokenizer: pattern, tokens: ["a"], tokenTypes: [1], merges: [])
      #expect {
        try Tokenizer(ggufVocabulary: vocabulary, file: "x.gguf")
      } throws: { error in
        guard let error = error as? TokenizerError else { return false }
        return error.code == .unsupportedPart && error.message.contains(model == "rwkv" ? "rwkv" : "nonsense")
      }
    }
  }

  @Test("canonically equal spellings are two tokens")
  func canonicalEquivalence() throws {
    let json = #"{"model":{"type":"BPE","vocab":{"\u00e9":0,"e":1,"\u0301":2,"e\u0301":3},"merges":["e \u0301"]}}"#
    let tokenizer = try Tokenizer(tokenizerJSON: Array(json.utf8))
    #expect(try tokenizer.encode("\u{e9}") == [0])
    #expect(try tokenizer.encode("e\u{301}") == [3])
    #expect(Array(tokenizer.decode([3]).utf8) == [0x65, 0xcc, 0x81])
  }
}
