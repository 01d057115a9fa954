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
  static let hasZstd = (try? run(["zstd", "--version"]))?.isEmpty == false

  /// The bytes of a file packed with zstd.
  static func unpacked(_ path: String) throws -> [UInt8] {
    try run(["zstd", "-dc", "--long=27", SharedData.url(path).path])
  }

  private static func run(_ command: [String]) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.fileReadUnknown) }
    return [UInt8](data)
  }

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
