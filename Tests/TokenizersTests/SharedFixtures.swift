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

  /// The bytes of a file packed with zstd, or nil where the tool is not installed.
  static func unpacked(_ path: String) throws -> [UInt8]? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["zstd", "-dc", "--long=27", try SharedData.url(path).path]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? [UInt8](data) : nil
  }

  /// SmolLM2's tokenizer from the metadata of its GGUF file, or nil without zstd.
  static func smolLM2() throws -> Tokenizer? {
    guard let bytes = try unpacked("data/tokenizers/smollm2/vocab_merges_from_gguf.json.zst") else { return nil }
    let root = try JSONValue.parse(bytes)
    return try Tokenizer(
      ggufVocabulary: GGUFVocabulary(
        model: "gpt2", preTokenizer: "smollm", tokens: root.field("tokens").elements.compactMap(\.text),
        tokenTypes: root.field("token_type").elements.compactMap(\.integer),
        merges: root.field("merges").elements.compactMap(\.text), bosID: 1, eosIDs: [2], addsBOS: false))
  }
}

extension JSONValue {
  var integers: [Int] { elements.compactMap(\.integer) }
  var members: [(key: String, value: JSONValue)] { if case .object(let members) = self { members } else { [] } }
}
