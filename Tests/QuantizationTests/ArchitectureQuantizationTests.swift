import Checkpoints
import Foundation
import JSONReader
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
    let model = try ModelRegistry.load(
      try ModelDirectory(path: path), options: RuntimeOptions(cache: .float32))
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
      model: model, plan: plan, statistics: .measured(CalibrationWindows(windows: windows)), output: path("quantized")
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
    // Without any information the ratio is 1; where another expert is chosen for a token, it is large.
    #expect(error / energy < 0.45, "\(error / energy)")
    try FolderConversion(model: try ModelDirectory(path: path("quantized")), output: path("dense"))
      .writeDense(as: .float32, SilentProgress())
    let dense = try logits(path("dense"), tokens)
    let largest = zip(dense, quantized).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(largest < 2e-3, "\(largest)")
  }

  /// Rounds a matrix to e4m3 with one scale for each block of 128 x 128, as DeepSeek-V3 is published.
  private func blockScaled(_ values: [Float], _ shape: Shape) -> (bytes: Tensor, scales: Tensor, decoded: [Float]) {
    let (rows, columns) = (shape[0], shape[1])
    let (across, down) = ((columns + 127) / 128, (rows + 127) / 128)
    var largest = [Float](repeating: 0, count: across * down)
    for (index, value) in values.enumerated() {
      let block = index / columns / 128 * across + index % columns / 128
      largest[block] = max(largest[block], abs(value))
    }
    let scales = largest.map { $0 / 448 }
    // The positive values in rising order: the byte is the index.
    let table = (0..<127).map { byte -> Float in
      let (exponent, mantissa) = (byte >> 3, Float(byte & 7))
      return exponent == 0
        ? mantissa / 512 : (1 + mantissa / 8) * Float(sign: .plus, exponent: exponent - 7, significand: 1)
    }
    var bytes: [UInt8] = []
    var decoded: [Float] = []
    for (index, value) in values.enumerated() {
      let scale = scales[index / columns / 128 * across + index % columns / 128]
      let target = abs(value) / scale
      let nearest = table.indices.min { abs(table[$0] - target) < abs(table[$1] - target) } ?? 0
      bytes.append(UInt8(nearest) | (value < 0 ? 128 : 0))
      decoded.append((value < 0 ? -table[nearest] : table[nearest]) * scale)
    }
    return (
      Tensor(bits: bytes, dtype: .float8e4m3, shape: shape), Tensor(scales, shape: [down, across]), decoded
    )
  }

  @Test("A model of 8-bit floats with block scales runs, is quantized, and leaves none of them behind")
  func blockScales() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let fixture = try ArchitectureFixture("deepseek3")
    var (eight, plain): ([(name: String, tensor: Tensor)], [(name: String, tensor: Tensor)]) = ([], [])
    for declaration in fixture.declarations {
      let values = fixture.values(of: declaration)
      if declaration.name.contains("_proj") {
        let coded = blockScaled(values, declaration.shape)
        eight += [(declaration.name, coded.bytes), (declaration.name + "_scale_inv", coded.scales)]
        plain.append((declaration.name, Tensor(coded.decoded, shape: declaration.shape)))
      } else {
        let tensor = Tensor(values, shape: declaration.shape, dtype: .bfloat16)
        eight.append((declaration.name, tensor))
        plain.append((declaration.name, tensor))
      }
    }
    for (name, tensors) in [("eight", eight), ("plain", plain)] {
      // The configuration comes with the folder; then the tensors are written over.
      try fixture.write(to: folder.appendingPathComponent(name), dtype: .bfloat16)
      let writer = try CheckpointWriter(
        folder: path(name), declarations: tensors.map { ($0.name, $0.tensor.dtype, $0.tensor.shape) })
      for entry in tensors { try writer.write(entry.name, entry.tensor) }
      try writer.finish()
    }
    let configuration = path("eight") + "/config.json"
    let text = try String(contentsOfFile: configuration, encoding: .utf8).trimmingCharacters(
      in: .whitespacesAndNewlines)
    let method = #", "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}"#
    try (text.dropLast() + method).write(toFile: configuration, atomically: true, encoding: .utf8)

    let tokens = fixture.prompt
    let (coded, expected) = (try logits(path("eight"), tokens), try logits(path("plain"), tokens))
    #expect(zip(coded, expected).allSatisfy { abs($0 - $1) < 1e-4 })

    let model = try ModelDirectory(path: path("eight"))
    let plan = try QuantizationPlan(
      configuration: try ModelConfiguration(model), recipe: try QuantizationRecipe(preset: "v2-k16"),
      skip: ["down_proj"])
    _ = try ModelQuantizer(
      model: model, plan: plan, statistics: .measured(CalibrationWindows(windows: [tokens])), output: path("quantized")
    ).run()
    let written = try ModelDirectory(path: path("quantized"))
    for name in written.tensorNames {
      #expect(!name.hasSuffix("_scale_inv"))
      #expect(try written.tensor(named: name).dtype != .float8e4m3, "\(name)")
    }
    #expect(try written.tensor(named: "model.layers.0.mlp.down_proj.weight").dtype == .bfloat16)
    #expect(try logits(path("quantized"), tokens).allSatisfy(\.isFinite))

    try FolderConversion(model: model, output: path("dense")).writeDense(as: .float32, SilentProgress())
    #expect(try ModelDirectory(path: path("dense")).configuration["quantization_config"] == nil)
    #expect(zip(try logits(path("dense"), tokens), expected).allSatisfy { abs($0 - $1) < 1e-4 })
  }
}
