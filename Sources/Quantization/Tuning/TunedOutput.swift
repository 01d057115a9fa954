import Checkpoints
import JSONReader
import Tensors

/// The quantized folder with its tuned tensors in place of the old ones.
struct TunedOutput {
  let model: ModelDirectory
  let parameters: TunedParameters
  let output: String
  /// What tuning did, for `quantization.json`.
  let summary: JSONValue

  /// Writes the folder, `config.json` last.
  func write(_ progress: any ProgressListener) throws {
    let tuned = Dictionary(uniqueKeysWithValues: parameters.tensors.map { ($0.name, $0) })
    let names = model.tensorNames
    let writer = try CheckpointWriter(
      folder: output,
      declarations: try names.map { name in
        let tensor = try model.tensor(named: name)
        return (name, tensor.dtype, tensor.shape)
      })
    for (index, name) in names.enumerated() {
      try writer.write(name, try tuned[name].map(parameters.tensor) ?? model.tensor(named: name))
      progress.report("writing \(output)", completed: index + 1, total: names.count, unit: .items("tensors"))
    }
    let configuration = output + "/config.json"
    try AtomicFile.remove(configuration)
    try writer.finish()
    try model.copyCompanions(to: output)
    try QuantizationRecord.copy(from: model.path, to: output, adding: summary)
    try AtomicFile.write([UInt8](model.configuration.serialized(pretty: true).utf8), to: configuration)
  }
}
