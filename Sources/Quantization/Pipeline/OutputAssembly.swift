import Checkpoints
import Foundation
import JSONReader
import Tensors
import VectorQuantization

/// Puts finished blocks and untouched tensors together as a checkpoint folder; `config.json` is written last.
struct OutputAssembly {
  let model: ModelDirectory
  let plan: QuantizationPlan
  let blocks: [FinishedBlock]
  let output: String

  /// Files beside the weights that a model needs to be used; each is copied if it is there.
  private static let companions = [
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "chat_template.jinja", "generation_config.json",
  ]

  /// Writes the folder; `step` is called before each tensor and may throw to stop the work.
  func write(_ progress: any ProgressListener, step: () throws -> Void) throws {
    let replaced = Set(plan.matrices.map { $0.module + ".weight" })
    var sources: [(name: String, source: any TensorSource)] = []
    for name in model.tensorNames where !replaced.contains(name) { sources.append((name, model)) }
    for block in blocks {
      for name in block.file.tensorNames where !model.contains(name) { sources.append((name, block.file)) }
    }
    sources.sort { $0.name < $1.name }
    let declarations = try sources.map { entry in
      let tensor = try entry.source.tensor(named: entry.name)
      return (entry.name, tensor.dtype, tensor.shape)
    }
    let writer = try CheckpointWriter(folder: output, declarations: declarations)
    for (index, entry) in sources.enumerated() {
      try step()
      try writer.write(entry.name, try entry.source.tensor(named: entry.name))
      progress.report("writing \(output)", completed: index + 1, total: sources.count)
    }
    let configurationPath = output + "/config.json"
    try AtomicFile.remove(configurationPath)
    try writer.finish()
    for name in Self.companions {
      let file = model.url(for: name)
      guard let data = FileManager.default.contents(atPath: file.path) else { continue }
      try AtomicFile.write([UInt8](data), to: output + "/" + name)
    }
    try AtomicFile.write([UInt8](configuration().serialized(pretty: true).utf8), to: configurationPath)
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
