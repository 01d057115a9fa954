import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import Tensors
import TestSupport
import Testing
import VectorQuantization

@testable import Quantization

/// The whole road on a tiny model: plan, statistics, quantization, job folder, assembly.
@Suite("Model quantizer", .serialized)
struct ModelQuantizerTests {
  private func quantizer(
    _ model: String, to output: String, preset: String = "v4-k16-4", skip: [String] = [],
    overrides: [QuantizationPlan.Override] = [], isSequential: Bool = false,
    guidance: Double = ModelQuantizer.defaultGuidance
  ) throws -> ModelQuantizer {
    let folder = try ModelDirectory(path: model)
    let plan = try QuantizationPlan(
      configuration: try ModelConfiguration(folder), recipe: try QuantizationRecipe(preset: preset),
      overrides: overrides, skip: skip)
    let windows = CalibrationWindows(windows: TinyModel.windows())
    return ModelQuantizer(
      model: folder, plan: plan, statistics: isSequential ? .sequential(windows) : .measured(windows),
      guidance: guidance, output: output)
  }

  private func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  @Test("The output loads, keeps what was not quantized, and every matrix is closer than nothing")
  func output() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      let output = folder.appendingPathComponent("out").path
      let summary = try quantizer(model, to: output, preset: "v2-k64").run()
      #expect(summary.matrices.count == 14)
      for matrix in summary.matrices {
        #expect(matrix.relativeError > 0 && matrix.relativeError < 0.2, "\(matrix.name)")
      }
      let written = try ModelDirectory(path: output)
      let original = try ModelDirectory(path: model)
      let embedding = try written.tensor(named: "model.embed_tokens.weight").floats()
      let originalEmbedding = try original.tensor(named: "model.embed_tokens.weight").floats()
      #expect(embedding == originalEmbedding)
      #expect(!written.contains("model.layers.0.mlp.up_proj.weight"))
      #expect(written.contains("model.layers.0.mlp.up_proj.centroids.weight"))
      let settings = try #require(try QuantizationSettings(written.configuration))
      #expect(settings.settings(forModule: "model.layers.1.mlp.down_proj")?.vectorLength == 2)
      let quantized = try ModelRegistry.load(written)
      let dense = try ModelRegistry.load(original)
      let tokens = TinyModel.windows()[0]
      let a = try dense.forward([Segment(tokens: tokens, cache: dense.makeCache(capacity: 64))], logits: .last).values
      let b = try quantized.forward([Segment(tokens: tokens, cache: quantized.makeCache(capacity: 64))], logits: .last)
        .values
      let energy = a.reduce(0) { $0 + $1 * $1 }
      let error = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      #expect(error / energy < 0.1)  // without any information the ratio is 1
      #expect(!FileManager.default.fileExists(atPath: output + ".job"))
    }
  }

  @Test("Stored bits are those of the files")
  func bits() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      let output = folder.appendingPathComponent("out").path
      let work = try quantizer(model, to: output)
      let summary = try work.run()
      let written = try ModelDirectory(path: output)
      for (planned, matrix) in zip(work.plan.matrices, summary.matrices) {
        let names = written.tensorNames.filter { $0.hasPrefix(matrix.name + ".") }
        let bytes = try names.reduce(0) {
          let tensor = try written.tensor(named: $1)
          return $0 + tensor.shape.elementCount * tensor.dtype.byteCount
        }
        #expect(bytes * 8 == matrix.storedBits, "\(matrix.name)")
        #expect(planned.storedBits == matrix.storedBits)
      }
    }
  }

  @Test("One, two and four threads write the same bytes (case Q13)")
  func sameBytes() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      let threads = WorkerPool.shared.threadCount
      defer { WorkerPool.shared.threadCount = threads }
      var contents: [[String: Data]] = []
      for count in [1, 2, 4] {
        WorkerPool.shared.threadCount = count
        let output = folder.appendingPathComponent("out-\(count)").path
        _ = try quantizer(model, to: output).run()
        contents.append(try FolderContents.read(output))
      }
      #expect(contents[0].keys.contains("model.safetensors"))
      #expect(contents[0] == contents[1])
      #expect(contents[0] == contents[2])
    }
  }

  @Test("An interrupted run goes on where it ended and writes the same bytes (case Q14)")
  func resume() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      let whole = folder.appendingPathComponent("whole").path
      _ = try quantizer(model, to: whole).run()
      let output = folder.appendingPathComponent("out").path
      let job = output + ".job"
      #expect {
        try quantizer(model, to: output).run(isCancelled: {
          FileManager.default.fileExists(atPath: job + "/block-00000.safetensors")
        })
      } throws: { ($0 as? QuantizationError)?.code == .interrupted }
      #expect(!FileManager.default.fileExists(atPath: output + "/config.json"))
      let summary = try quantizer(model, to: output).run()
      #expect(summary.resumedBlocks == 1)
      #expect(summary.matrices.count == 14)
      let (resumed, uninterrupted) = (try FolderContents.read(output), try FolderContents.read(whole))
      #expect(resumed == uninterrupted)
    }
  }

  @Test("A job folder of other options is refused")
  func jobMismatch() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      let output = folder.appendingPathComponent("out").path
      let job = output + ".job"
      _ = try? quantizer(model, to: output).run(isCancelled: {
        FileManager.default.fileExists(atPath: job + "/block-00000.safetensors")
      })
      #expect { try quantizer(model, to: output, preset: "v4-k16").run() } throws: {
        ($0 as? QuantizationError)?.code == .jobMismatch
      }
    }
  }

  @Test("Skipped matrices stay dense; overrides choose another recipe")
  func skipAndOverride() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      let output = folder.appendingPathComponent("out").path
      let rule = QuantizationPlan.Override(pattern: "v_proj", recipe: try QuantizationRecipe(preset: "v2-k16"))
      _ = try quantizer(model, to: output, skip: ["down_proj$"], overrides: [rule]).run()
      let written = try ModelDirectory(path: output)
      #expect(written.contains("model.layers.0.mlp.down_proj.weight"))
      let settings = try #require(try QuantizationSettings(written.configuration))
      #expect(settings.settings(forModule: "model.layers.0.self_attn.v_proj")?.vectorLength == 2)
      #expect(settings.settings(forModule: "model.layers.0.self_attn.q_proj")?.vectorLength == 4)
      _ = try ModelRegistry.load(written)
    }
  }

  @Test("A weight that is not a number stops the work and is named; nothing is left at the output (case Q03)")
  func notANumber() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder) { name, values in
        if name == "model.layers.1.mlp.up_proj.weight" { values[37] = .nan }
      }
      let output = folder.appendingPathComponent("out").path
      #expect { try quantizer(model, to: output).run() } throws: { error in
        "\(error)".contains("model.layers.1.mlp.up_proj")
      }
      #expect(!FileManager.default.fileExists(atPath: output + "/config.json"))
      #expect(FileManager.default.fileExists(atPath: output + ".job/block-00000.safetensors"))
    }
  }

  /// Where block 0 is replaced by what it was quantized to, the plain way of working sees what the sequential one sees.
  @Test("In sequence, a block's inputs are those that the quantized blocks before it give")
  func sequential() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      let output = folder.appendingPathComponent("out").path
      let sequential = try quantizer(model, to: output, isSequential: true, guidance: 0).run()
      let written = try ModelDirectory(path: output)
      let settings = try #require(try QuantizationSettings(written.configuration))
      func isReplaced(_ name: String) -> Bool { name.hasPrefix("model.layers.0.") && name.hasSuffix("proj.weight") }
      let replaced = try TinyModel.write(in: folder.appendingPathComponent("replaced")) { name, values in
        guard isReplaced(name) else { return }
        let module = String(name.dropLast(".weight".count))
        let inputs = name.contains("down_proj") ? TinyModel.intermediate : TinyModel.hidden
        let decoded = try? ParameterLoader(source: written, settings: settings).floats(
          module, outFeatures: values.count / inputs, inFeatures: inputs)
        values = decoded ?? []
      } widely: {
        isReplaced($0)
      }
      let parallel = try quantizer(model, to: folder.appendingPathComponent("parallel").path, guidance: 0).run()
      let after = try quantizer(replaced, to: folder.appendingPathComponent("after").path, guidance: 0).run()
      let block = 7..<14
      for index in block {
        let (a, b) = (sequential.matrices[index].relativeError, after.matrices[index].relativeError)
        #expect(abs(a - b) < 1e-4 * b, "\(sequential.matrices[index].name)")
      }
      #expect(block.contains { sequential.matrices[$0].relativeError != parallel.matrices[$0].relativeError })
    }
  }

  @Test("A sequential run that was interrupted writes the same bytes")
  func sequentialResume() throws {
    try inFolder { folder in
      let model = try TinyModel.write(in: folder)
      let whole = folder.appendingPathComponent("whole").path
      _ = try quantizer(model, to: whole, isSequential: true).run()
      let output = folder.appendingPathComponent("out").path
      _ = try? quantizer(model, to: output, isSequential: true).run(isCancelled: {
        FileManager.default.fileExists(atPath: output + ".job/block-00000.safetensors")
      })
      #expect { try quantizer(model, to: output).run() } throws: {
        ($0 as? QuantizationError)?.code == .jobMismatch
      }
      #expect(try quantizer(model, to: output, isSequential: true).run().resumedBlocks == 1)
      let (resumed, uninterrupted) = (try FolderContents.read(output), try FolderContents.read(whole))
      #expect(resumed == uninterrupted)
    }
  }
}
