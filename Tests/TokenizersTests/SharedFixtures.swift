import Foundation
import JSONReader
import TestSupport

@testable import Tokenizers

/// The fixtures of the shared cases.
enum SharedFixtures {
  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: SharedData.url("cases/fixtures/" + name)))
  }

  static func json(_ name: String) throws -> JSONValue { try JSONValue.parse(bytes(name)) }

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(tokenizerJSON: bytes(name), file: name)
  }

  /// Whether the tool that unpacks the larger files is installed.
  static let hasZstd = SharedData.hasZstd

  /// The bytes of a file packed with zstd.
  static func unpacked(_ path: String) throws -> [UInt8] { [UInt8](try SharedData.unpacked(path)) }

  /// SmolLM2's tokenizer from the metadata of its GGUF file.
  static func smolLM2() throws -> Tokenizer {
    let bytes = try unpacked("data/tokenizers/smollm2/vocab_merges_from_gguf.json.zst")
    let root = try JSONValue.parse(bytes)
    return try Tokenizer(
      ggufVocabulary: GGUFVocabulary(
        model: "gpt2", preTokenizer: "smollm", tokens: root.field("tokens").elements.compactMap(\.stringValue),
        tokenTypes: root.field("token_type").elements.compactMap(\.intValue),
        merges: root.field("merges").elements.compactMap(\.stringValue), bosID: 1, eosIDs: [2], addsBOS: false))
  }
}

extension JSONValue {
  var integers: [Int] { elements.compactMap(\.intValue) }
  var members: [(key: String, value: JSONValue)] { if case .object(let members) = self { members } else { [] } }
}
