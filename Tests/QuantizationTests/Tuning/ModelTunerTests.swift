import Checkpoints
import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import Quantization

@Suite("Tuning whole models", .serialized)
struct ModelTunerTests {
  /// A tiny model, its quantized form, and text.
  private struct Scene {
    let folder: URL
    let reference: ModelDirectory
    let quantized: ModelDirectory
    let text = TuningText(streams: TinyModel.windows(5, length: 24) + [TinyModel.windows(1, length: 90)[0]])

    init(edit: (_ name: String, _ values: inout [Float]) -> Void = { _, _ in }) throws {
      folder = try SharedData.temporaryFolder()
      let clean = try ModelDirectory(path: TinyModel.write(in: folder.appendingPathComponent("clean")))
      reference = try ModelDirectory(path: TinyModel.write(in: folder, edit: edit))
      let plan = try QuantizationPlan(
        configuration: try ModelConfiguration(clean), recipe: try QuantizationRecipe(preset: "v4-k16-8"))
      _ = try ModelQuantizer(
        model: clean, plan: plan, statistics: .measured(CalibrationWindows(windows: TinyModel.windows())),
        output: folder.appendingPathComponent("quantized").path
      ).run()
      quantized = try ModelDirectory(path: folder.appendingPathComponent("quantized").path)
    }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    func remove() { try? FileManager.default.removeItem(at: folder) }

    func tuner(_ options: TuningOptions, _ output: String) -> ModelTuner {
      ModelTuner(model: quantized, reference: reference, text: text, options: options, output: path(output))
    }
  }

  private func options(_ mode: TuningOptions.Mode, steps: Int = 6) -> TuningOptions {
    var options = TuningOptions(mode: mode, steps: steps, tokens: 20, rate: 0.01)
    options.blockWindows = 4
    options.windowsPerStep = 2
    options.checkpointInterval = 2
    return options
  }

  /// The mean divergence of a folder's model from the reference, by the ordinary forward pass.
  private func divergence(_ folder: ModelDirectory, from reference: ModelDirectory) throws -> Double {
    func probabilities(_ folder: ModelDirectory) throws -> [[Double]] {
      let model = try ModelRegistry.load(folder, options: RuntimeOptions(isExact: true))
      return try TinyModel.windows(3).flatMap { window in
        let logits = try model.forward(
          [Segment(tokens: window, cache: model.makeCache(capacity: window.count))], logits: .all)
        return (0..<logits.rows).map { row in
          let powers = logits.row(row).map { exp(Double($0)) }
          let sum = powers.reduce(0, +)
          return powers.map { $0 / sum }
        }
      }
    }
    let rows = zip(try probabilities(reference), try probabilities(folder))
    let sums = rows.map { p, q in zip(p, q).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) } }
    return sums.reduce(0, +) / Double(sums.count)
  }

  @Test("Full tuning brings the written model nearer to the original, and changes nothing but what is tuned")
  func full() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let summary = try scene.tuner(options(.full, steps: 40), "tuned").run()
    #expect(summary.losses.count == 40 && summary.lastLoss < 0.7 * summary.firstLoss)
    let tuned = try ModelDirectory(path: scene.path("tuned"))
    let (before, after) = (
      try divergence(scene.quantized, from: scene.reference), try divergence(tuned, from: scene.reference)
    )
    #expect(after < 0.8 * before, "\(before) -> \(after)")
    #expect(tuned.tensorNames == scene.quantized.tensorNames)
    for name in tuned.tensorNames {
      let (old, new) = (try scene.quantized.tensor(named: name), try tuned.tensor(named: name))
      #expect(old.dtype == new.dtype && old.shape == new.shape)
      let isEqual = old.withUnsafeBytes { a in new.withUnsafeBytes { b in a.elementsEqual(b) } }
      let mayChange = [
        "centroids.weight", "weight_scale", "weight_bias", "norm.weight",
      ].contains { name.hasSuffix($0) }
      #expect(isEqual != mayChange, "\(name)")
    }
    #expect(!FileManager.default.fileExists(atPath: scene.path("tuned.tuning")))
  }

  @Test("The loss of the first step is the divergence of the quantized model by the ordinary forward pass")
  func firstLoss() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let loss = DivergenceLoss(
      teacher: try TuningModel(scene.reference, precision: .float32),
      student: try TuningModel(scene.quantized, precision: .float32), rows: TinyModel.windows(1)[0].count)
    let losses = TinyModel.windows(3).map { loss.addGradient($0, scale: 1) }
    let expected = try divergence(scene.quantized, from: scene.reference)
    #expect(abs(losses.reduce(0, +) / 3 - expected) < 1e-5 * expected)
  }

  @Test("Block tuning lowers the error of every block")
  func blocks() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let summary = try scene.tuner(options(.block, steps: 30), "tuned").run()
    for block in 0..<2 {
      let losses = summary.losses[(block * 30)..<((block + 1) * 30)]
      let (first, last): (Double, Double) = (losses.prefix(5).reduce(0, +), losses.suffix(5).reduce(0, +))
      #expect(last < 0.8 * first, "block \(block): \(losses)")
    }
    let tuned = try ModelDirectory(path: scene.path("tuned"))
    let (before, after) = (
      try divergence(scene.quantized, from: scene.reference), try divergence(tuned, from: scene.reference)
    )
    #expect(after < before, "\(before) -> \(after)")
  }

  @Test("The same bytes at one and two threads", arguments: TuningOptions.Mode.allCases)
  func threads(mode: TuningOptions.Mode) throws {
    let scene = try Scene()
    defer { scene.remove() }
    let before = WorkerPool.shared.threadCount
    defer { WorkerPool.shared.threadCount = before }
    for threads in [1, 2] {
      WorkerPool.shared.threadCount = threads
      _ = try scene.tuner(options(mode), "at\(threads)").run()
    }
    #expect(try FolderContents.read(scene.path("at1")) == FolderContents.read(scene.path("at2")))
  }

  @Test(
    "A run that was interrupted twice ends with the bytes of one that was not", arguments: TuningOptions.Mode.allCases)
  func resumption(mode: TuningOptions.Mode) throws {
    let scene = try Scene()
    defer { scene.remove() }
    let whole = try scene.tuner(options(mode), "whole").run()
    for stop in [2, 3] {
      var asked = 0
      let error = #expect(throws: QuantizationError.self) {
        try scene.tuner(options(mode), "parts").run(isCancelled: {
          asked += 1
          return asked > stop
        })
      }
      #expect(error?.code == .interrupted)
    }
    let rest = try scene.tuner(options(mode), "parts").run()
    #expect(rest.resumedSteps == 5)
    #expect(rest.losses == whole.losses)
    #expect(try FolderContents.read(scene.path("parts")) == FolderContents.read(scene.path("whole")))
  }

  @Test("A checkpoint of other options is refused")
  func mismatch() throws {
    let scene = try Scene()
    defer { scene.remove() }
    var asked = 0
    _ = try? scene.tuner(options(.full), "out").run(isCancelled: {
      asked += 1
      return asked > 2
    })
    let error = #expect(throws: QuantizationError.self) { try scene.tuner(options(.full, steps: 7), "out").run() }
    #expect(error?.code == .jobMismatch && error?.message.contains("out.tuning") == true)
  }

  @Test("A loss that is not a number is an error, and nothing is written")
  func notANumber() throws {
    let scene = try Scene { name, values in
      if name == "model.embed_tokens.weight" { values[63 * TinyModel.hidden] = .nan }
    }
    defer { scene.remove() }
    let error = #expect(throws: QuantizationError.self) { try scene.tuner(options(.full), "out").run() }
    #expect(error?.code == .nonFiniteLoss && error?.message.contains("step 1 of tuning has loss nan") == true)
    #expect(!FileManager.default.fileExists(atPath: scene.path("out")))
  }

  @Test("A step that goes astray moves nothing and keeps the last checkpoint")
  func lastCheckpoint() throws {
    let scene = try Scene()
    defer { scene.remove() }
    let parameters = try TuningModel(scene.quantized, precision: .float32).parameters
    let checkpoint = TuningCheckpoint(folder: scene.path("job"), fingerprint: "a")
    var journal = try TuningJournal(parameters, options: options(.full), checkpoint: checkpoint, total: 6)
    for step in 0..<2 {
      parameters.gradient.base.update(repeating: 0.01, count: parameters.count)
      try journal.step(loss: 1, schedule: step)
    }
    let values = parameters.values.values
    parameters.gradient.base[3] = .infinity
    let error = #expect(throws: QuantizationError.self) { try journal.step(loss: 1, schedule: 2) }
    #expect(error?.code == .nonFiniteLoss && error?.message.contains("step 3") == true)
    #expect(parameters.values.values == values)
    let again = try TuningModel(scene.quantized, precision: .float32).parameters
    #expect(try TuningJournal(again, options: options(.full), checkpoint: checkpoint, total: 6).losses == [1, 1])
    #expect(again.values.values == values)
  }
}
