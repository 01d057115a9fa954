import Checkpoints
import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import Quantization

@Suite("Rotation")
struct RotationTests {
  @Test("A random rotation is orthogonal, whatever its width", arguments: [1, 2, 3, 12, 40, 64, 96, 135])
  func orthogonality(width: Int) {
    let rotation = RandomRotation(width: width, seed: 5, stream: 1)
    let rows = (0..<width).map { index -> [Double] in
      var row = (0..<width).map { $0 == index ? 1.0 : 0 }
      var scratch = row
      rotation.apply(&row, scratch: &scratch)
      return row
    }
    for (i, a) in rows.enumerated() {
      for (j, b) in rows.enumerated() {
        let product = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(product - (i == j ? 1 : 0)) < 1e-12)
      }
    }
    // It mixes: no direction keeps more than a part of itself.
    if width >= 40 { #expect(rows.joined().allSatisfy { abs($0) < 0.8 }) }
  }

  @Test("Inputs turn against outputs: the product stays")
  func bothSides() {
    let (rows, columns) = (6, 8)
    let rotation = RandomRotation(width: columns, seed: 1, stream: 0)
    let a = (0..<rows * columns).map { Float(($0 * 7) % 11) - 5 }
    let b = (0..<columns * rows).map { Float(($0 * 5) % 13) - 6 }
    var reader = TensorRotation()
    reader.inputs = [(0, rotation)]
    var writer = TensorRotation()
    writer.outputs = [(0, rotation)]
    func product(_ a: [Float], _ b: [Float]) -> [Float] {
      (0..<rows * rows).map { index in
        (0..<columns).reduce(0) { $0 + a[index / rows * columns + $1] * b[$1 * rows + index % rows] }
      }
    }
    let turned = product(
      reader.apply(a, rows: rows, columns: columns), writer.apply(b, rows: columns, columns: rows))
    for (x, y) in zip(turned, product(a, b)) { #expect(abs(x - y) < 1e-3) }
  }

  static let families = [
    "llama", "mistral-window", "mixtral", "qwen2", "qwen3", "qwen2-moe", "qwen3-moe", "phi3", "gemma", "deepseek2",
    "deepseek3",
  ]
  static let valuesOnly = ["gemma2", "gemma3", "gemma3-multimodal"]

  /// The logits of a turned fixture, with the files' own.
  private func logits(_ name: String, _ parts: RotationParts) throws -> (turned: [Float], original: [Float]) {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let fixture = try ArchitectureFixture(name)
    try fixture.write(to: folder.appendingPathComponent("model"), dtype: .float32)
    let output = folder.appendingPathComponent("turned").path
    let model = try ModelDirectory(path: folder.appendingPathComponent("model").path)
    try ModelRotation(model: model, parts: parts, seed: 3, output: output).write()
    let turned = try ModelDirectory(path: output)
    let name = try ModelConfiguration(model).blockModule(0) + ".self_attn.o_proj.weight"
    #expect(try turned.tensor(named: name).floats() != model.tensor(named: name).floats())
    let loaded = try ModelRegistry.load(turned)
    let segment = Segment(tokens: fixture.prompt, cache: loaded.makeCache(capacity: fixture.prompt.count))
    return (try loaded.forward([segment], logits: .all).values, try fixture.logits)
  }

  private func expectEqual(_ name: String, _ parts: RotationParts) throws {
    let (turned, original) = try logits(name, parts)
    try #require(turned.count == original.count)
    let largest = zip(turned, original).reduce(0) { max($0, abs($1.0 - $1.1)) }
    let scale = original.reduce(0) { max($0, abs($1)) }
    #expect(largest < 2e-4 * max(1, scale), "\(largest) of \(scale)")
  }

  @Test("A turned model computes what transformers computes for the original", arguments: families)
  func sameLogits(name: String) throws {
    try expectEqual(name, [.values, .residual])
  }

  @Test("Values turn in every family", arguments: families + valuesOnly)
  func sameLogitsByValues(name: String) throws {
    try expectEqual(name, .values)
  }

  @Test("A residual stream that cannot turn is refused by name", arguments: valuesOnly)
  func refusal(name: String) throws {
    let error = #expect(throws: QuantizationError.self) { try logits(name, .residual) }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains("--parts values") == true)
  }

  @Test("The same seed gives the same bytes, another seed others; a tied head becomes its own")
  func bytes() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = try ModelDirectory(path: try TinyModel.write(in: folder))
    #expect(try ModelRotation.freeParts(model) == .values)
    func turned(_ name: String, seed: UInt64) throws -> Data {
      let output = folder.appendingPathComponent(name).path
      try ModelRotation(model: model, parts: [.values, .residual], seed: seed, output: output).write()
      let written = try ModelDirectory(path: output)
      #expect(written.contains("lm_head.weight"))
      #expect(try !ModelConfiguration(written).tiedEmbeddings)
      #expect(try ModelRotation.freeParts(written) == [.values, .residual])
      return try Data(contentsOf: URL(fileURLWithPath: output + "/model.safetensors"))
    }
    let first = try turned("a", seed: 1)
    #expect(try turned("b", seed: 1) == first)
    #expect(try turned("c", seed: 2) != first)
  }
}
