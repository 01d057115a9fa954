import Checkpoints
import Foundation
import JSONReader
import TestSupport
import Tensors
import Testing

/// Files that llama.cpp's converter made of tiny models of `transformers` (Scripts/record_gguf_architectures.py).
@Suite("GGUF architectures") struct GGUFArchitectureTests {
  private static let folder = SharedData.packageRoot.appendingPathComponent("Tests/CheckpointsTests/Fixtures/gguf")

  static let cases = [
    "deepseek2", "deepseek2-lite", "deepseek2-old", "deepseek3", "gemma", "gemma2", "gemma3", "llama",
    "llama-biases-yarn", "llama-linear", "llama-scaled", "llama-scaled-otherwise", "mistral", "mixtral", "mixtral-old",
    "phi3", "phi3-long",
    "qwen2", "qwen2moe", "qwen3", "qwen3moe",
  ]

  /// Cases whose class cannot be told from the file: `llama` files of Mistral state no window.
  private static let className = ["mistral": "LlamaForCausalLM"]

  @Test("the weights are those the file was made of, to the bit", arguments: cases)
  func weights(name: String) throws {
    try convert(name) { model, expected in
      let tensors = try #require(expected["tensors"]?.objectValue)
      #expect(model.tensorNames == tensors.map(\.key).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
      for (name, description) in tensors {
        let tensor = try model.tensor(named: name)
        #expect(tensor.shape.dimensions == description["shape"]?.arrayValue?.compactMap(\.intValue), "\(name)")
        let found = digest(try tensor.floats())
        #expect(found == description["digest"]?.stringValue, "\(name)")
      }
    }
  }

  @Test("config.json says what the original's says, in the spelling of transformers 4", arguments: cases)
  func configuration(name: String) throws {
    try convert(name) { model, expected in
      let className = try #require(expected["architectures"]?.arrayValue?.first?.stringValue)
      #expect(model.configuration["architectures"] == [.string(Self.className[name] ?? className)])
      for (key, value) in try #require(expected["configuration"]?.objectValue) {
        if key == "sliding_window", value == .null { continue }
        #expect(agree(model.configuration[key], value), "\(key): \(String(describing: model.configuration[key]))")
      }
    }
  }

  @Test("the layers of Gemma 3: five with a window, one without (seven layers)")
  func layerTypes() throws {
    try convert("gemma3") { model, _ in
      let sliding: JSONValue = "sliding_attention"
      #expect(
        model.configuration["layer_types"]
          == [sliding, sliding, sliding, sliding, sliding, "full_attention", sliding])
    }
  }

  @Test("what routing is corrected by stays in 32 bits (DeepSeek V3)")
  func correctionBias() throws {
    try convert("deepseek3", dtype: .bfloat16) { model, _ in
      let bias = try model.tensor(named: "model.layers.1.mlp.gate.e_score_correction_bias")
      let weight = try model.tensor(named: "model.layers.1.mlp.gate.weight")
      #expect(bias.dtype == .float32)
      #expect(weight.dtype == .bfloat16)
    }
  }

  private func convert(_ name: String, dtype: DType = .float32, _ body: (ModelDirectory, JSONValue) throws -> Void)
    throws
  {
    let expected = try JSONFile.read(Self.folder.appendingPathComponent("\(name).json").path)
    let target = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: target) }
    let file = try GGUFFile(path: Self.folder.appendingPathComponent("\(name).gguf").path)
    let notes = try GGUFConversion.convert(file, to: target.path, dtype: dtype)
    #expect(notes == [])
    try body(try ModelDirectory(path: target.path), expected)
  }

  /// Whether every member of an expected object, and everything else as a whole, is the same but for the form of
  /// numbers.
  private func agree(_ found: JSONValue?, _ expected: JSONValue) -> Bool {
    switch expected {
    case .integer, .number: found?.doubleValue == expected.doubleValue
    case .object(let members): members.allSatisfy { agree(found?[$0.key], $0.value) }
    case .array(let values):
      found?.arrayValue?.count == values.count && zip(found?.arrayValue ?? [], values).allSatisfy { agree($0, $1) }
    default: found == expected
    }
  }

  /// The FNV-1a digest of the little-endian bytes.
  private func digest(_ values: [Float]) -> String {
    var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    for value in values {
      for shift in stride(from: UInt32(0), to: 32, by: 8) {
        digest = (digest ^ UInt64(value.bitPattern >> shift & 0xFF)) &* 0x0000_0100_0000_01B3
      }
    }
    let digits = String(digest, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
