import Checkpoints
import Foundation
import JSONReader
import TestSupport
import Testing
import Tokenizers

/// Vocabularies trained by SentencePiece, with the ids it gives (Scripts/record_gguf_vocabulary.py).
@Suite("GGUF vocabularies of SentencePiece") struct GGUFVocabularyTests {
  @Test("the converted tokenizer cuts and joins texts as SentencePiece does", arguments: ["prefix", "no_prefix"])
  func sentencePiece(name: String) throws {
    let path = SharedData.packageRoot.appendingPathComponent(
      "Tests/CheckpointsTests/Fixtures/gguf_sentencepiece.json"
    ).path
    let recorded = try #require(try JSONFile.read(path)[name])
    let texts = recorded["tokens"]?.arrayValue?.compactMap(\.stringValue) ?? []
    let scores = recorded["scores"]?.arrayValue?.compactMap(\.doubleValue) ?? []
    let types = recorded["types"]?.arrayValue?.compactMap(\.intValue) ?? []
    #expect(texts.count == 400)
    var builder = GGUFBuilder.llama
    builder.metadata.removeAll { $0.key.hasPrefix("tokenizer.") }
    builder.metadata += [
      ("tokenizer.ggml.model", .string("llama")), ("tokenizer.ggml.tokens", .strings(texts)),
      ("tokenizer.ggml.scores", .float32s(scores.map { Float($0) })),
      ("tokenizer.ggml.token_type", .int32s(types.map { Int32($0) })), ("tokenizer.ggml.bos_token_id", .uint32(1)),
      ("tokenizer.ggml.eos_token_id", .uint32(2)), ("tokenizer.ggml.unknown_token_id", .uint32(0)),
      ("tokenizer.ggml.add_space_prefix", .bool(recorded["adds_space"]?.boolValue ?? true)),
    ]
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let notes = try builder.withFile { try GGUFConversion.convert($0, to: folder.path) }
    #expect(notes == [])
    let tokenizer = try Tokenizer(folder: folder.path)
    for item in try #require(recorded["cases"]?.arrayValue) {
      let text = try #require(item["text"]?.stringValue)
      let ids = item["ids"]?.arrayValue?.compactMap(\.intValue) ?? []
      let found = try tokenizer.encode(text)
      #expect(found == [1] + ids, "\(text)")
      #expect(tokenizer.decode(ids) == item["decoded"]?.stringValue)
    }
  }
}
