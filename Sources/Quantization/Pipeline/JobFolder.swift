import Checkpoints
import Foundation
import JSONReader
import Tensors

/// The finished blocks of a quantization, kept on disk until the model is assembled.
///
/// `job.json` names the fingerprint; `block-00007.safetensors` holds the tensors of one block and, in its metadata, the
/// report of its matrices. A block file appears under its name only when it is complete.
struct JobFolder {
  let path: String

  /// Opens or creates the folder.
  ///
  /// - Throws: `QuantizationError` (`jobMismatch`) if it belongs to other work, (`cannotWrite`) if it cannot be made.
  init(path: String, fingerprint: String) throws {
    self.path = path
    let marker = path + "/job.json"
    if let data = FileManager.default.contents(atPath: marker) {
      let recorded = try? JSONValue.parse([UInt8](data))["fingerprint"]?.stringValue
      guard recorded == fingerprint else {
        throw QuantizationError(
          .jobMismatch,
          "the job folder \(path) belongs to another model, text or set of options; remove it or give another --job")
      }
      return
    }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      let json = JSONValue.object([("version", .integer(1)), ("fingerprint", .string(fingerprint))])
      try AtomicFile.write([UInt8](json.serialized(pretty: true).utf8), to: marker)
    } catch let error as QuantizationError {
      throw error
    } catch {
      throw QuantizationError(.cannotWrite, "cannot write the job folder \(path): \(error)")
    }
  }

  /// The file of one block.
  func file(block: Int) -> String {
    let digits = String(block)
    return path + "/block-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".safetensors"
  }

  /// A finished block, if it is there and whole.
  func finished(block: Int) -> SafetensorsFile? {
    let name = file(block: block)
    guard FileManager.default.fileExists(atPath: name) else { return nil }
    return try? SafetensorsFile(path: name)
  }

  /// Writes a block under its final name, complete or not at all.
  func write(block: Int, tensors: [(name: String, tensor: Tensor)], report: JSONValue) throws {
    let writer = try SafetensorsWriter(
      path: file(block: block),
      declarations: tensors.map { ($0.name, $0.tensor.dtype, $0.tensor.shape) },
      metadata: ["report": report.serialized(pretty: false)])
    for entry in tensors { try writer.append(entry.name, entry.tensor) }
    try writer.finish()
  }

  /// Removes the folder and everything this program put there.
  func remove() {
    try? FileManager.default.removeItem(atPath: path)
  }
}
