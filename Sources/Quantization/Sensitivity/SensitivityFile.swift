import Checkpoints
import Foundation
import JSONReader

/// What a sensitivity analysis found, kept on disk so that a run that goes on need not measure again.
struct SensitivityFile {
  let path: String
  /// What the analysis depends on.
  let fingerprint: String
  /// Whether it belongs to others.
  var isReadOnly = false

  /// What an earlier analysis of the same work found.
  func read() -> ModelSensitivity? {
    guard let data = FileManager.default.contents(atPath: path), let json = try? JSONValue.parse([UInt8](data)),
      json["fingerprint"]?.stringValue == fingerprint
    else { return nil }
    return ModelSensitivity(json)
  }

  func write(_ sensitivity: ModelSensitivity) throws {
    var entries: [(String, JSONValue)] = [("fingerprint", .string(fingerprint))]
    entries += (sensitivity.json.objectValue ?? []).map { ($0.key, $0.value) }
    do {
      try AtomicFile.write([UInt8](JSONValue.object(entries).serialized(pretty: true).utf8), to: path)
    } catch let error as CheckpointError {
      throw QuantizationError(.cannotWrite, "cannot write \(path): \(error.message)")
    }
  }
}
