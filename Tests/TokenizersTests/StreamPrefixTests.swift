import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// Streams against the full text, at every token, for each kind of tokenizer file in the shared data.
@Suite(
  .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)),
  .enabled(if: SharedFixtures.hasZstd, "zstd is not installed"))
struct StreamPrefixTests {
  private static let files = [
    "llama-3.2/tokenizer.json.zst", "llama-3.2/tokenizer.model.zst", "llama-2/tokenizer.model",
    "mistral/tokenizer.model.v1", "mistral/mistral_instruct_tokenizer_240323.model.v3",
    "mistral/tekken_240911.json.zst", "qwen/qwen.tiktoken.zst", "falcon/tokenizer.json.zst",
    "phi/phi-2.tokenizer.json.zst", "phi/phi-3-mini.tokenizer.json.zst", "deepseek/tokenizer.json.zst",
    "neox/allenai_gpt-neox-olmo-dolma-v1_5.tokenizer.json.zst", "smollm2", "cases/spm_legacy.json",
    "cases/spm_first.json", "cases/spm_always.json", "cases/spm_never.json", "cases/bytes256.json",
  ]

  private func tokenizer(_ file: String) throws -> Tokenizer {
    if file == "smollm2" { return try SharedFixtures.smolLM2() }
    if file.hasPrefix("cases/") { return try SharedFixtures.tokenizer(String(file.dropFirst("cases/".count))) }
    let path = "data/tokenizers/" + file
    let bytes = try file.hasSuffix(".zst") ? SharedData.unpacked(path) : Data(contentsOf: SharedData.url(path))
    // The content tells what kind of file it is, but for tekken.json, which its name tells.
    let url = try SharedData.temporaryFolder().appendingPathComponent(file.contains("tekken") ? "tekken.json" : "file")
    defer { try? FileManager.default.removeItem(at: url.deletingLastPathComponent()) }
    try bytes.write(to: url)
    return try Tokenizer(file: url.path)
  }

  /// By definition: where the bytes of the tokens so far end with a whole character, what is out so far and what `finish`
  /// adds is `decode` of those tokens; the texts are documents of the recorded corpus, one of each kind and of 12 scripts.
  @Test("what is out after each token is the text of the tokens so far", arguments: files)
  func prefixes(file: String) throws {
    let tokenizer = try tokenizer(file)
    let corpus = try Corpus()
    var compared = 0
    for index in [0, 1, 2, 3, 8, 17, 24, 33, 40, 49, 56, 65] {
      let text = String(corpus.document(index).unicodeScalars.prefix(160))
      let ids = try tokenizer.encode(text)
      for skips in [false, true] {
        var detokenizer = tokenizer.streamingDetokenizer(skipSpecialTokens: skips)
        var stream = ""
        var bytes: [UInt8] = []
        for (position, id) in ids.prefix(120).enumerated() {
          stream += detokenizer.append(id)
          bytes += tokenizer.bytes(of: id) ?? []
          guard String(validating: bytes, as: UTF8.self) != nil else { continue }
          compared += 1
          var rest = detokenizer
          let full = tokenizer.decode(Array(ids[...position]), skipSpecialTokens: skips)
          #expect((stream + rest.finish()).utf8Bytes == full.utf8Bytes, "document \(index), token \(position)")
          #expect(full.utf8Bytes.starts(with: stream.utf8))
        }
      }
    }
    #expect(compared > 500)
  }
}
