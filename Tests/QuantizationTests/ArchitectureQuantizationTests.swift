import Checkpoints
import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing
import VectorQuantization

@testable import Quantization

/// Every family can be quantized: the matrices follow from the architecture, fused projections and experts included.
@Suite("Quantization of every architecture")
struct ArchitectureQuantizationTests {
  /// One case of each family.
  static let cases = [
    "llama", "mistral-window", "mixtral", "qwen2", "qwen3", "qwen2-moe", "qwen3-moe", "phi3", "gemma", "gemma2",
    "gemma3",
    "gemma3-multimodal", "deepseek2", "deepseek3",
  ]

  private func logits(_ path: String, _ tokens: [Int]) throws -> [Float] {
    let model = try ModelRegistry.load(try ModelDirectory(path: path))
    let segment = Segment(tokens: tokens, cache: model.makeCache(capacity: tokens.count))
    return try model.forward([segment], logits: .all).values
  }

  @Test("A quantized model is complete, close, and equal to its dense form", arguments: cases)
  func wholeRoad(name: String) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let fixture = try ArchitectureFixture(name)
    try fixture.write(to: folder.appendingPathComponent("model"), dtype: .bfloat16)
    let model = try ModelDirectory(path: path("model"))
    let configuration = try ModelConfiguration(model)
    let plan = try QuantizationPlan(
      configuration: configuration, recipe: try QuantizationRecipe(preset: "v2-k64"))
    let windows = (0..<8).map { window in fixture.prompt.map { ($0 * (window + 1) + window) % 96 } }
    let summary = try ModelQuantizer(
      model: model, plan: plan, calibration: CalibrationWindows(windows: windows), output: path("quantized")
    ).run()
    // Every matrix of a block is quantized, but routers, gates of shared experts and vectors.
    let planned = Set(summary.matrices.map { $0.name + ".weight" })
    for declaration in fixture.declarations where declaration.shape.rank == 2 {
      let stays =
        declaration.name.contains("embed_tokens") || declaration.name.contains("lm_head")
        || declaration.name.hasSuffix(".gate.weight") || declaration.name.hasSuffix("shared_expert_gate.weight")
        || !declaration.name.contains("layers.") || declaration.name.contains("vision")
      #expect(planned.contains(declaration.name) != stays, "\(declaration.name)")
    }
    let tokens = fixture.prompt
    let (original, quantized) = (try logits(path("model"), tokens), try logits(path("quantized"), tokens))
    let energy = original.reduce(0) { $0 + $1 * $1 }
    let error = zip(original, quantized).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    #expect(error / energy < 0.35, "\(error / energy)")  // without any information the ratio is 1
    try FolderConversion(model: try ModelDirectory(path: path("quantized")), output: path("dense"))
      .writeDense(as: .float32, SilentProgress())
    let dense = try logits(path("dense"), tokens)
    let largest = zip(dense, quantized).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(largest < 2e-3, "\(largest)")
  }
}
