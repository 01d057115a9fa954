import Checkpoints
import JSONReader
import LanguageModels
import Tensors
import VectorQuantization

/// Puts finished blocks and untouched tensors together as a checkpoint folder; `config.json` is written last.
struct OutputAssembly {
  let model: ModelDirectory
  let plan: QuantizationPlan
  let blocks: [FinishedBlock]
  let record: QuantizationRecord
  let output: String
  /// Files of tuned tensors, which take the place of those of the same names, and what `quantization.json` tells of it.
  var tuned: [SafetensorsFile] = []
  var tuning: JSONValue?

  /// Writes the folder; `step` is called before each tensor and may throw to stop the work.
  func write(_ progress: any ProgressListener, step: () throws -> Void) throws {
    let replaced = Set(plan.matrices.map { $0.module + ".weight" })
    let plain = PlainTensors(model)
    typealias Entry = (name: String, dtype: DType, shape: Shape, source: any TensorSource, release: () -> Void)
    var entries: [Entry] = []
    for name in plain.tensorNames where !replaced.contains(name) {
      let (dtype, shape) = try plain.declaration(of: name)
      entries.append((name, dtype, shape, plain, model.releasePages))
    }
    for block in blocks {
      for name in block.file.tensorNames where !model.contains(name) {
        let tensor = try block.file.tensor(named: name)
        entries.append((name, tensor.dtype, tensor.shape, block.file, block.file.releasePages))
      }
    }
    let places = Dictionary(tuned.flatMap { file in file.tensorNames.map { ($0, file) } }) { $1 }
    entries = entries.map { entry in
      places[entry.name].map { (entry.name, entry.dtype, entry.shape, $0, $0.releasePages) } ?? entry
    }
    entries.sort { $0.name < $1.name }
    let writer = try CheckpointWriter(folder: output, declarations: entries.map { ($0.name, $0.dtype, $0.shape) })
    for (index, entry) in entries.enumerated() {
      try step()
      try writer.write(entry.name, try entry.source.tensor(named: entry.name))
      entry.release()
      progress.report("writing \(output)", completed: index + 1, total: entries.count, unit: .items("tensors"))
    }
    let configurationPath = output + "/config.json"
    try AtomicFile.remove(configurationPath)
    try writer.finish()
    try model.copyCompanions(to: output)
    try record.write(to: output, tuning: tuning)
    try AtomicFile.write([UInt8](configuration().serialized(pretty: true).utf8), to: configurationPath)
  }

  /// The model's configuration with the settings of every quantized layer.
  private func configuration() throws -> JSONValue {
    var entries = (model.configuration.objectValue ?? []).filter { $0.key != "quantization_config" }
    let layers = try plan.matrices.map { ($0.module, try $0.settings(in: model)) }
    entries.append(("quantization_config", QuantizationSettings(layers: layers).json))
    return .object(entries)
  }
}
