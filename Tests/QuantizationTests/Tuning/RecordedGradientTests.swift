import Checkpoints
import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import Quantization

/// Gradients of whole models against those of torch in float64, recorded by `Scripts/record_gradients.py`.
@Suite("Recorded gradients")
struct RecordedGradientTests {
  static let cases = ["llama-head-dim", "llama-biases", "mistral-window", "qwen2", "qwen3", "phi3", "gemma3"]

  /// The student of a case, its loss, and the recorded values.
  private struct Scene {
    let fixture: ArchitectureFixture
    let student: TuningModel
    let loss: DivergenceLoss
    let recorded: SafetensorsFile
    let folder: URL

    init(_ name: String, precision: LinearAlgebra.Precision = .float32) throws {
      folder = try SharedData.temporaryFolder()
      fixture = try ArchitectureFixture(name)
      let (dense, teacher, exact) = (
        folder.appendingPathComponent("dense"), folder.appendingPathComponent("teacher"),
        folder.appendingPathComponent("exact").path
      )
      try fixture.write(to: dense)
      try ArchitectureFixture(name, seedOffset: 1000).write(to: teacher)
      try ExactFolder.write(fixture, from: try ModelDirectory(path: dense.path), to: exact)
      student = try TuningModel(try ModelDirectory(path: exact), precision: precision)
      loss = try DivergenceLoss(
        teacher: try TuningModel(try ModelDirectory(path: teacher.path), precision: precision), student: student,
        rows: fixture.prompt.count)
      recorded = try SafetensorsFile(
        path: SharedData.packageRoot.appendingPathComponent(
          "Tests/QuantizationTests/Fixtures/gradients/\(name).safetensors"
        ).path)
    }

    /// The gradient by the values of one tuned tensor.
    func gradient(_ name: String) -> [Float]? {
      student.parameters.tensors.first { $0.name == name }.map {
        Array(UnsafeBufferPointer(start: student.parameters.gradient.base + $0.range.lowerBound, count: $0.range.count))
      }
    }

    /// The gradient of a matrix `[out, in]` from that of its codebook.
    func matrixGradient(_ module: String, rows: Int, columns: Int) -> [Float]? {
      gradient(module + ".centroids.weight").map { codebook in
        var result = [Float](repeating: 0, count: rows * columns)
        for (place, column) in ExactFolder.order(columns).enumerated() {
          for row in 0..<rows { result[row * columns + column] = codebook[place * rows + row] }
        }
        return result
      }
    }
  }

  /// The distance of two gradients as a share of the expected one's length.
  private func distance(_ actual: [Float]?, _ expected: [Float]) -> Double {
    guard let actual, actual.count == expected.count else { return .infinity }
    let error = zip(actual, expected).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }
    let energy = expected.reduce(0.0) { $0 + pow(Double($1), 2) }
    return (error / max(energy, 1e-30)).squareRoot()
  }

  @Test("Loss and every gradient are torch's", arguments: cases)
  func gradients(name: String) throws {
    let scene = try Scene(name)
    defer { try? FileManager.default.removeItem(at: scene.folder) }
    try compare(scene, lossTolerance: 2e-6, gradientTolerance: 2e-5)
  }

  @Test("With factors of bfloat16 (8 bits of precision) they are near", arguments: cases)
  func roundedGradients(name: String) throws {
    let scene = try Scene(name, precision: .bfloat16)
    defer { try? FileManager.default.removeItem(at: scene.folder) }
    try compare(scene, lossTolerance: 0.01, gradientTolerance: 0.05)
  }

  private func compare(_ scene: Scene, lossTolerance: Double, gradientTolerance: Double) throws {
    let loss = scene.loss.addGradient(scene.fixture.prompt, scale: 1)
    let expected = Double(try scene.recorded.tensor(named: "loss").floats()[0])
    #expect(abs(loss - expected) < lossTolerance * expected, "\(loss) for \(expected)")
    var compared = 0
    for key in scene.recorded.tensorNames where key != "loss" {
      let values = try scene.recorded.tensor(named: key).floats()
      let name = key.hasPrefix("model.") ? key : "model." + key
      let actual: [Float]?
      if name.hasSuffix(".sample") {
        let module = String(name.dropLast(".weight.sample".count))
        let shape = try #require(scene.fixture.declarations.first { $0.name == module + ".weight" }).shape
        actual = scene.matrixGradient(module, rows: shape[0], columns: shape[1]).map { gradient in
          stride(from: 0, to: gradient.count, by: 37).map { gradient[$0] }
        }
      } else if name.hasSuffix(".scale") || name.hasSuffix(".shift") {
        let tensor = name.hasSuffix(".scale") ? "weight_scale" : "weight_bias"
        actual = scene.gradient("\(name.dropLast(".weight.scale".count)).\(tensor)")
      } else {
        actual = scene.gradient(name)
      }
      compared += 1
      let distance = distance(actual, values)
      #expect(distance < gradientTolerance, "\(key): \(distance)")
    }
    #expect(compared == scene.recorded.tensorNames.count - 1)
  }

  @Test("What is formed again in the backward pass is the same to the last bit")
  func recomputation() throws {
    let scene = try Scene("qwen3")
    defer { try? FileManager.default.removeItem(at: scene.folder) }
    let tokens = scene.fixture.prompt
    func gradient(tapeLimit: Int) -> [Float] {
      let pass = WindowPass(scene.student, rows: tokens.count, tapeLimit: tapeLimit)
      scene.student.parameters.gradient.clear()
      let output = pass.forward(tokens)
      let count = tokens.count * scene.student.configuration.hiddenSize
      let seed = FloatBuffer(Array(UnsafeBufferPointer(start: output, count: count)))
      pass.backward(seed.base)
      return scene.student.parameters.gradient.values
    }
    let kept = gradient(tapeLimit: .max)
    #expect(kept == gradient(tapeLimit: 0))
    #expect(kept.contains { $0 != 0 })
  }
}
