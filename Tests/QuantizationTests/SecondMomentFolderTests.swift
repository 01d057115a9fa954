import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import Quantization

/// Second moments that one run writes and another reads.
@Suite("Second-moment folders")
struct SecondMomentFolderTests {
  private let windows = CalibrationWindows(windows: TinyModel.windows())

  private func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  private func quantizer(
    _ model: String, _ statistics: ModelQuantizer.Statistics, to output: URL, skip: [String] = []
  ) throws -> ModelQuantizer {
    let folder = try ModelDirectory(path: model)
    var recipe = try QuantizationRecipe(preset: "v4-k16-4")
    (recipe.refitRounds, recipe.descentRounds) = (0, 0)
    let plan = try QuantizationPlan(configuration: try ModelConfiguration(folder), recipe: recipe, skip: skip)
    return ModelQuantizer(model: folder, plan: plan, statistics: statistics, guidance: 0, output: output.path)
  }

  /// What a run that fails says.
  private func refusal(_ run: () throws -> Void) -> QuantizationError? {
    do {
      try run()
      return nil
    } catch {
      return error as? QuantizationError
    }
  }

  /// Rewrites one tensor of a block's file.
  private func edit(_ path: String, _ name: String?, metadata: [String: String]? = nil, to tensor: Tensor?) throws {
    let file = try SafetensorsFile(path: path)
    var tensors = try file.tensorNames.map { ($0, try file.tensor(named: $0)) }
    if let name {
      tensors.removeAll { $0.0 == name }
      if let tensor { tensors.append((name, tensor)) }
    }
    let writer = try SafetensorsWriter(
      path: path, declarations: tensors.map { ($0.0, $0.1.dtype, $0.1.shape) }, metadata: metadata ?? file.metadata)
    for (name, tensor) in tensors { try writer.append(name, tensor) }
    try writer.finish()
  }

  private func doubles(_ tensor: Tensor) -> [Double] {
    tensor.withUnsafeBytes { Array($0.bindMemory(to: Double.self)) }
  }

  private let attention = "model.layers.0.self_attn.q_proj.second_moment"

  @Test("Saved second moments, of all blocks whatever is skipped, give the same bytes as measuring does")
  func sameBytes() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      func path(_ name: String) -> URL { folder.appendingPathComponent(name) }
      let moments = SecondMomentFolder(path: path("moments").path)
      _ = try quantizer(
        model, .measured(windows, savedTo: moments), to: path("saving"), skip: ["layers.1", "q_proj", "o_proj"]
      ).run()
      _ = try quantizer(model, .measured(windows), to: path("measured")).run()
      let summary = try quantizer(model, .read(moments), to: path("read")).run()
      #expect(summary.matrices.count == 14)
      let (read, measured) = (
        try FolderContents.read(path("read").path), try FolderContents.read(path("measured").path)
      )
      #expect(read == measured)

      let file = try SafetensorsFile(path: moments.file(block: 1))
      #expect(
        file.tensorNames.map { $0.dropLast(".second_moment".count) }
          == ["self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"].map { "model.layers.1.\($0)" })
      #expect(file.metadata["tokens"]?.contains(#""model.layers.1.mlp.down_proj":192"#) == true)
    }
  }

  /// Block 0 reads the embedding, normalized: the second moment follows from the two tensors.
  @Test("A file holds the lower triangle of the mean of x xᵀ, row by row")
  func values() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      let moments = SecondMomentFolder(path: folder.appendingPathComponent("moments").path)
      _ = try quantizer(model, .measured(windows, savedTo: moments), to: folder.appendingPathComponent("out")).run()
      let source = try ModelDirectory(path: model)
      let embedding = try source.tensor(named: "model.embed_tokens.weight").floats().map(Double.init)
      let norm = try source.tensor(named: "model.layers.0.input_layernorm.weight").floats().map(Double.init)
      let n = TinyModel.hidden
      var expected = [Double](repeating: 0, count: n * (n + 1) / 2)
      for token in windows.windows.joined() {
        let row = Array(embedding[(token * n)..<((token + 1) * n)])
        let unit = (row.reduce(0) { $0 + $1 * $1 } / Double(n) + 1e-5).squareRoot()
        let x = zip(row, norm).map { $0 / unit * $1 }
        for i in 0..<n {
          for j in 0...i { expected[i * (i + 1) / 2 + j] += x[i] * x[j] / Double(windows.tokenCount) }
        }
      }
      let stored = doubles(try SafetensorsFile(path: moments.file(block: 0)).tensor(named: attention))
      #expect(stored.count == expected.count)
      #expect(zip(stored, expected).allSatisfy { abs($0 - $1) < 1e-6 })
    }
  }

  @Test("An interrupted run completes both folders, and leaves files alone that are there")
  func resume() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      func path(_ name: String) -> URL { folder.appendingPathComponent(name) }
      let (whole, parts) = (SecondMomentFolder(path: path("whole").path), SecondMomentFolder(path: path("parts").path))
      _ = try quantizer(model, .measured(windows, savedTo: whole), to: path("a")).run()
      let first = path("b.job/block-00000.safetensors").path
      _ = try? quantizer(model, .measured(windows, savedTo: parts), to: path("b")).run(isCancelled: {
        FileManager.default.fileExists(atPath: first)
      })
      #expect(try FolderContents.read(parts.path).count == 1)
      // A finished block of which the statistics are lost is measured again, not quantized again.
      try FileManager.default.removeItem(atPath: parts.file(block: 0))
      #expect(try quantizer(model, .measured(windows, savedTo: parts), to: path("b")).run().resumedBlocks == 1)
      let (a, b) = (try FolderContents.read(whole.path), try FolderContents.read(parts.path))
      #expect(a.count == 2 && a == b)

      let other = CalibrationWindows(windows: TinyModel.windows(3))
      let error = refusal { _ = try quantizer(model, .measured(other, savedTo: parts), to: path("c")).run() }
      #expect(error?.code == .badStatistics)
      #expect(error?.message.contains(parts.file(block: 0)) == true)
      let after = try FolderContents.read(parts.path)
      #expect(after == b)
    }
  }

  @Test("What cannot serve is refused by file and layer before any work; nothing is written at the output")
  func refused() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      let output = folder.appendingPathComponent("out")
      let moments = SecondMomentFolder(path: folder.appendingPathComponent("moments").path)
      _ = try quantizer(model, .measured(windows, savedTo: moments), to: folder.appendingPathComponent("a")).run()
      let path = moments.file(block: 0)
      let sound = try Data(contentsOf: URL(fileURLWithPath: path))
      let values = doubles(try SafetensorsFile(path: path).tensor(named: attention))
      let n = TinyModel.hidden
      func changed(_ index: Int, _ value: Double) -> Tensor {
        var values = values
        values[index] = value
        return Tensor(bits: values, dtype: .float64, shape: [values.count])
      }
      func whole(_ change: (inout [Double]) -> Void) -> Tensor {
        var matrix = [Double](repeating: 0, count: n * n)
        for i in 0..<n {
          for j in 0...i {
            (matrix[i * n + j], matrix[j * n + i]) = (values[i * (i + 1) / 2 + j], values[i * (i + 1) / 2 + j])
          }
        }
        change(&matrix)
        return Tensor(bits: matrix, dtype: .float64, shape: [n, n])
      }
      let cases: [(tensor: Tensor?, says: String)] = [
        (nil, "is missing"),
        (
          Tensor(bits: [Double](repeating: 1, count: 31 * 16), dtype: .float64, shape: [31 * 16]),
          "32 inputs take [528]"
        ),
        (Tensor([Float](repeating: 1, count: 528), shape: [528], dtype: .float16), "F64 and F32 can be read"),
        (changed(3 * 4 / 2 + 2, .nan), "is nan at [3, 2]"),
        (changed(3 * 4 / 2 + 3, -1), "is -1.0 at [3, 3]"),
        (whole { $0[3 * n + 7] += 0.1 }, "is not symmetric"),
      ]
      for (tensor, says) in cases {
        try edit(path, attention, to: tensor)
        let error = refusal { _ = try quantizer(model, .read(moments), to: output).run() }
        #expect(error?.code == .badStatistics, "\(says)")
        #expect(
          error?.message.contains("\(path): the second moment of the input of model.layers.0.self_attn.q_proj") == true)
        #expect(error?.message.contains(says) == true, "\(error?.message ?? "no error")")
        #expect(!FileManager.default.fileExists(atPath: output.path))
        try sound.write(to: URL(fileURLWithPath: path))
      }
      // Rounded to float32, whole or as a triangle, the values serve.
      try edit(path, attention, to: whole { _ in })
      _ = try quantizer(model, .read(moments), to: folder.appendingPathComponent("whole")).run()
      try edit(path, attention, to: Tensor(values.map(Float.init), shape: [values.count]))
      _ = try quantizer(model, .read(moments), to: folder.appendingPathComponent("rounded")).run()
      try sound.write(to: URL(fileURLWithPath: path))

      let other = try TinyModel.write(in: folder.appendingPathComponent("other")) { name, values in
        if name == "model.layers.0.self_attn.q_proj.weight" { values[0] += 1 }
      }
      let error = refusal { _ = try quantizer(other, .read(moments), to: output).run() }
      #expect(error?.code == .badStatistics && error?.message.contains("of another model") == true)
      for block in 0..<2 { try edit(moments.file(block: block), nil, metadata: [:], to: nil) }
      _ = try quantizer(other, .read(moments), to: folder.appendingPathComponent("unnamed")).run()
      try FileManager.default.removeItem(atPath: moments.file(block: 1))
      let missing = refusal { _ = try quantizer(model, .read(moments), to: output).run() }
      #expect(missing?.code == .missingInput)
      #expect(missing?.message.contains(moments.file(block: 1)) == true, "\(missing?.message ?? "no error")")
    }
  }

  @Test("A run over changed second moments does not go on with another's blocks")
  func changedStatistics() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      let output = folder.appendingPathComponent("out")
      let moments = SecondMomentFolder(path: folder.appendingPathComponent("moments").path)
      _ = try quantizer(model, .measured(windows, savedTo: moments), to: folder.appendingPathComponent("a")).run()
      _ = try? quantizer(model, .read(moments), to: output).run(isCancelled: {
        FileManager.default.fileExists(atPath: output.path + ".job/block-00000.safetensors")
      })
      let path = moments.file(block: 1)
      let name = "model.layers.1.self_attn.o_proj.second_moment"
      var values = doubles(try SafetensorsFile(path: path).tensor(named: name))
      values[5] *= 1.5
      try edit(path, name, to: Tensor(bits: values, dtype: .float64, shape: [values.count]))
      #expect(refusal { _ = try quantizer(model, .read(moments), to: output).run() }?.code == .jobMismatch)
    }
  }

  @Test("Of experts, those that no token reached are known as such", arguments: ["mixtral", "deepseek3", "qwen2-moe"])
  func experts(name: String) throws {
    try inFolder { folder in
      func path(_ name: String) -> URL { folder.appendingPathComponent(name) }
      let fixture = try ArchitectureFixture(name)
      try fixture.write(to: path("model"), dtype: .bfloat16)
      // Few tokens, so that some expert gets none.
      let windows = CalibrationWindows(windows: [Array(fixture.prompt.prefix(2))])
      let moments = SecondMomentFolder(path: path("moments").path)
      let measured = try quantizer(path("model").path, .measured(windows, savedTo: moments), to: path("a")).run()
      let read = try quantizer(path("model").path, .read(moments), to: path("b")).run()
      #expect(measured.notices.contains { $0.contains("no calibration token reached it") })
      #expect(measured.notices == read.notices)
      let (a, b) = (try FolderContents.read(path("a").path), try FolderContents.read(path("b").path))
      #expect(a == b)
    }
  }

  /// `Scripts/record_second_moments.py` states the rule of the inputs, which it passes through the files of the collectors.
  @Test("Converted files hold the second moment, not the covariance")
  func converted() throws {
    try inFolder { folder in
      let model = try ModelDirectory(path: TinyModel.write(in: folder))
      let fixture = SharedData.packageRoot.appendingPathComponent("Tests/QuantizationTests/Fixtures/second-moments")
      let file = try SecondMomentFile(
        SecondMomentFolder(path: fixture.path), block: 0, configuration: try ModelConfiguration(model), model: "any")
      let inputs: [(LinearInput, Int)] = [
        (.attention, 32), (.attentionOutput, 32), (.feedForward, 32), (.feedForwardOutput, 48),
      ]
      for (number, (input, width)) in inputs.enumerated() {
        func x(_ t: Int, _ c: Int) -> Double {
          let value = 7 * t + 13 * c + 5 * number
          return Double(value % 17) / 8
        }
        let mean = try #require(try file.mean(input))
        for i in 0..<width {
          for j in 0..<width {
            var expected = 0.0
            for t in 0..<24 { expected += x(t, i) * x(t, j) / 24 }
            #expect(abs(mean[i * width + j] - expected) < 1e-6)
          }
        }
      }
    }
  }
}
