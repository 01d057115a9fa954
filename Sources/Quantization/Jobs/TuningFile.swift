import Checkpoints
import JSONReader
import Tensors

/// The result of a task of tuning: tuned tensors as they will be stored, and the loss of every step.
struct TuningFile {
  let file: SafetensorsFile
  let losses: [Double]
  let parameterCount: Int

  /// Opens a result; nil if it is not one.
  init?(path: String) {
    guard let file = try? SafetensorsFile(path: path),
      let losses = file.metadata["losses"].flatMap({ try? JSONValue.parse([UInt8]($0.utf8)).arrayValue }),
      let count = file.metadata["parameters"].flatMap({ Int($0) })
    else { return nil }
    self.file = file
    self.losses = losses.compactMap { $0.intValue.map { Double(bitPattern: UInt64(bitPattern: Int64($0))) } }
    parameterCount = count
  }

  static func write(
    _ parameters: TunedParameters, losses: [Double], to path: String, metadata: [String: String]
  ) throws {
    let tensors = parameters.tensors.map { ($0.name, parameters.tensor($0)) }
    var metadata = metadata
    metadata["losses"] = JSONValue.array(losses.map { .integer(Int(truncatingIfNeeded: $0.bitPattern)) })
      .serialized(pretty: false)
    metadata["parameters"] = String(parameters.count)
    metadata["content"] = Fingerprint.content(tensors)
    let writer = try SafetensorsWriter(
      path: path, declarations: tensors.map { ($0.0, $0.1.dtype, $0.1.shape) }, metadata: metadata)
    for (name, tensor) in tensors { try writer.append(name, tensor) }
    try writer.finish()
  }
}

/// The tensors of some files, and where they have none, those of another source.
struct OverlaidTensors: TensorSource {
  private let files: [String: SafetensorsFile]
  private let base: any TensorSource

  /// Later files hide tensors of earlier ones.
  init(_ files: [SafetensorsFile], base: any TensorSource) {
    var places: [String: SafetensorsFile] = [:]
    for file in files {
      for name in file.tensorNames { places[name] = file }
    }
    (self.files, self.base) = (places, base)
  }

  func contains(_ name: String) -> Bool { files[name] != nil || base.contains(name) }

  func tensor(named name: String) throws -> Tensor { try (files[name] ?? base).tensor(named: name) }
}
