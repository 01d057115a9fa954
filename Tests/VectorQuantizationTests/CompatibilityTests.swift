import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import VectorQuantization

/// What the reference package runs; each limit is one of `Documentation/Interoperability.md`, and those of the CPU
/// paths were met by running vptq 0.0.5.post1 (`Scripts/interop`).
@Suite("Compatibility")
struct CompatibilityTests {
  typealias Runtime = Compatibility.Runtime

  /// A layer that every quantized runtime before transformers 5 takes.
  static let sound = LayerSettings(vectorLength: 4, centroidCount: 256, residualCentroidCount: 16)

  private func status(
    _ settings: LayerSettings, outputs: Int = 64, inputs: Int = 320, dtype: DType = .float16, _ runtime: Runtime
  ) throws -> Compatibility.Status? {
    let layer = try StoredLayerForm(
      module: "m.q_proj", settings: settings, outFeatures: outputs, inFeatures: inputs, dtype: dtype)
    let model = StoredModelForm(architecture: "LlamaForCausalLM", layers: [layer])
    return Compatibility.all(of: model).first { $0.runtime == runtime }?.status
  }

  @Test(
    "v4-k256-16 of more than 256 inputs runs everywhere but in transformers 5",
    arguments: zip(
      Runtime.allCases,
      [.runs, .runs, .runs, .runs, .fails, .runs, .runs] as [Compatibility.Status]))
  func preset(runtime: Runtime, expected: Compatibility.Status) throws {
    #expect(try status(Self.sound, runtime) == expected)
  }

  /// Settings, outputs, inputs, and the status on CPU (package, transformers) and on CUDA (the same).
  static let limits: [(String, LayerSettings, Int, Int, [Compatibility.Status])] = [
    // vector lengths and code widths of the kernels
    ("v3", LayerSettings(vectorLength: 3, centroidCount: 256), 64, 320, [.runs, .runs, .fails, .fails]),
    ("v24", LayerSettings(vectorLength: 24, centroidCount: 256), 64, 320, [.runs, .runs, .fails, .fails]),
    ("k64", LayerSettings(vectorLength: 4, centroidCount: 64), 64, 320, [.runs, .runs, .fails, .fails]),
    (
      "k512-512", LayerSettings(vectorLength: 8, centroidCount: 512, residualCentroidCount: 512), 64, 320,
      [.runs, .runs, .fails, .fails]
    ),
    ("k1024", LayerSettings(vectorLength: 4, centroidCount: 1024), 64, 320, [.runs, .runs, .runs, .runs]),
    (
      "k65536-16384", LayerSettings(vectorLength: 16, centroidCount: 65536, residualCentroidCount: 16384), 64, 320,
      [.runs, .runs, .fails, .fails]
    ),
    (
      "k65536-65536", LayerSettings(vectorLength: 8, centroidCount: 65536, residualCentroidCount: 65536), 64, 320,
      [.runs, .runs, .runs, .runs]
    ),
    ("256 inputs", sound, 64, 256, [.runs, .runs, .fails, .fails]),
    // the torch path
    (
      "residual wider than main", LayerSettings(vectorLength: 4, centroidCount: 16, residualCentroidCount: 256), 64,
      320,
      [.wrong, .wrong, .runs, .runs]
    ),
    ("16 bits a row", LayerSettings(vectorLength: 4, centroidCount: 16), 64, 4, [.fails, .fails, .fails, .fails]),
    ("20 bits a row", LayerSettings(vectorLength: 4, centroidCount: 16), 64, 5, [.runs, .runs, .fails, .fails]),
    ("k300", LayerSettings(vectorLength: 4, centroidCount: 300), 64, 320, [.fails, .fails, .fails, .fails]),
    // groups, outliers, norm
    (
      "groups, unequal residual",
      LayerSettings(vectorLength: 4, centroidCount: 256, residualCentroidCount: 16, groupCount: 2), 64, 320,
      [.runs, .runs, .wrong, .wrong]
    ),
    (
      "groups, equal residual",
      LayerSettings(vectorLength: 4, centroidCount: 256, residualCentroidCount: 256, groupCount: 2), 64, 320,
      [.runs, .runs, .runs, .runs]
    ),
    ("outliers of 4", outliers(vectorLength: 8, outlier: 4), 64, 320, [.runs, .runs, .runs, .runs]),
    ("outliers of 8", outliers(vectorLength: 8, outlier: 8), 64, 320, [.runs, .runs, .fails, .fails]),
    ("outliers beside v6", outliers(vectorLength: 6, outlier: 4), 64, 320, [.runs, .runs, .wrong, .wrong]),
    ("outliers, 66 outputs", outliers(vectorLength: 8, outlier: 4), 66, 320, [.runs, .runs, .wrong, .wrong]),
    (
      "no norm", LayerSettings(vectorLength: 4, centroidCount: 256, normEnabled: false), 64, 320,
      [.runs, .runs, .fails, .fails]
    ),
    (
      "norm by output", LayerSettings(vectorLength: 4, centroidCount: 256, normAxis: .output), 64, 320,
      [.fails, .fails, .fails, .fails]
    ),
    (
      "norm by output, square", LayerSettings(vectorLength: 4, centroidCount: 256, normAxis: .output), 320, 320,
      [.fails, .wrong, .fails, .wrong]
    ),
    // unpacked codes
    (
      "unpacked", LayerSettings(vectorLength: 4, centroidCount: 300, permutationEnabled: false, isPacked: false), 64,
      320,
      [.runs, .fails, .fails, .fails]
    ),
    (
      "unpacked, permuted", LayerSettings(vectorLength: 4, centroidCount: 256, isPacked: false), 64, 320,
      [.fails, .fails, .fails, .fails]
    ),
  ]

  private static func outliers(vectorLength: Int, outlier: Int) -> LayerSettings {
    LayerSettings(
      vectorLength: vectorLength, centroidCount: 256, outlierVectorLength: outlier, outlierCentroidCount: 64,
      outlierSize: 16)
  }

  @Test("The limits of one layer", arguments: limits.indices)
  func limit(index: Int) throws {
    let (name, settings, outputs, inputs, expected) = Self.limits[index]
    let runtimes: [Runtime] = [.packageCPU, .transformersCPU, .packageCUDA, .transformersCUDA]
    let found = try runtimes.map { try status(settings, outputs: outputs, inputs: inputs, $0) }
    #expect(found == expected, "\(name)")
  }

  @Test("float32 codebooks stop the kernels under the package's loader, which does not convert them")
  func storageType() throws {
    #expect(try status(Self.sound, dtype: .float32, .packageCUDA) == .fails)
    #expect(try status(Self.sound, dtype: .float32, .transformersCUDA) == .runs)
    #expect(try status(Self.sound, dtype: .float32, .packageCPU) == .runs)
  }

  @Test("Layers with one obstacle are named together; obstacles of the model name none")
  func grouping() throws {
    let layers = try ["a", "b", "c"].map { name in
      try StoredLayerForm(
        module: name, settings: LayerSettings(vectorLength: 4, centroidCount: name == "b" ? 256 : 64), outFeatures: 64,
        inFeatures: 320)
    }
    let model = StoredModelForm(architecture: "LlamaForCausalLM", headIsAbsent: true, layers: layers)
    let entry = try #require(Compatibility.all(of: model).first { $0.runtime == .packageCUDA })
    #expect(entry.obstacles.map(\.layers) == [[], ["a", "c"]])
    #expect(entry.obstacles.last?.reason == "main codes of 6 bits; its kernels take 4, 8, 10 and 12 to 16")
  }

  @Test("A dense folder concerns only the programs that read dense weights; an unknown class stops them")
  func dense() {
    let known = Compatibility.all(of: StoredModelForm(architecture: "Qwen2ForCausalLM"))
    #expect(known.map(\.runtime) == [.transformersDense, .llamaCppDense])
    #expect(known.allSatisfy { $0.status == .runs })
    #expect(Compatibility.all(of: StoredModelForm(architecture: "X")).allSatisfy { $0.status == .fails })
  }

  /// The reference wrote logits for these folders on CPU (`../shared/vectors/README.md`), through the integration in
  /// transformers.
  @Test(
    "Folders that the reference has run are said to run",
    .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)),
    arguments: ["tiny-llama-vptq", "tiny-llama-fp16-vptq", "tiny-qwen2-vptq", "tiny-qwen2-tied-vptq"])
  func sharedFolders(name: String) throws {
    let model = try StoredModelForm(ModelDirectory(path: try SharedData.url("vectors/\(name)").path))
    let entries = Compatibility.all(of: model)
    #expect(entries.first { $0.runtime == .transformersCPU }?.status == .runs)
    #expect((entries.first { $0.runtime == .packageCPU }?.status == .fails) == name.contains("tied"))
  }
}
