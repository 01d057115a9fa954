import Checkpoints
import Foundation
import JSONReader
import Tensors
import VectorQuantization

/// Puts finished blocks and untouched tensors together as a checkpoint folder; `config.json` is written last.
struct OutputAssembly {
  let model: ModelDirectory
  let plan: QuantizationPlan
  let job: JobFolder
  let output: String

  /// Files beside the weights that a model needs to be used; each is copied if it is there.
  private static let companions = [
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "chat_template.jinja", "generation_config.json",
  ]

  func write(_ progress: any ProgressListener) throws {
    let replaced = Set(plan.matrices.map { $0.module + ".weight" })
    let blocks = Set(plan.matrices.map(\.block)).sorted()
    var sources: [(name: String, source: any TensorSource)] = []
    for name in model.tensorNames where !replaced.contains(name) { sources.append((name, model)) }
    for block in blocks {
      guard let file = job.finished(block: block) else {
        throw QuantizationError(.jobMismatch, "\(job.file(block: block)) is missing; run the same command again")
      }
      for name in file.tensorNames where !model.contains(name) { sources.append((name, file)) }
    }
    sources.sort { $0.name < $1.name }
    let declarations = try sources.map { entry in
      let tensor = try entry.source.tensor(named: entry.name)
      return (entry.name, tensor.dtype, tensor.shape)
    }
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    let writer = try CheckpointWriter(folder: output, declarations: declarations)
    for (index, entry) in sources.enumerated() {
      try writer.write(entry.name, try entry.source.tensor(named: entry.name))
      progress.report("writing \(output)", completed: index + 1, total: sources.count)
    }
    try writer.finish()
    for name in Self.companions {
      let file = model.url(for: name)
      guard let data = FileManager.default.contents(atPath: file.path) else { continue }
      try AtomicFile.write([UInt8](data), to: output + "/" + name)
    }
    try AtomicFile.write([UInt8](configuration().serialized(pretty: true).utf8), to: output + "/config.json")
  }

  /// The model's configuration with the settings of every quantized layer.
  private func configuration() throws -> JSONValue {
    var entries = (model.configuration.objectValue ?? []).filter { $0.key != "quantization_config" }
    var layers: [(module: String, settings: LayerSettings)] = []
    for matrix in plan.matrices {
      let settings = try matrix.recipe.settings(
        outFeatures: matrix.shape[0], inFeatures: matrix.shape[1], module: matrix.module,
        bias: model.contains(matrix.module + ".bias"))
      layers.append((matrix.module, settings))
    }
    entries.append(("quantization_config", QuantizationSettings(layers: layers).json))
    return .object(entries)
  }
}
