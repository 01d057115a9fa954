import Checkpoints
import Foundation
import JSONReader
import Tensors

/// Where tuning stands, kept in a file that is replaced whole: positions, Adam's means, losses so far.
struct TuningCheckpoint {
  /// The job folder.
  let folder: String
  /// What the work depends on.
  let fingerprint: String

  private static let names = ["positions", "means", "squares"]

  private var path: String { folder + "/tuning.safetensors" }

  /// Whether a folder holds a checkpoint.
  static func exists(_ folder: String) -> Bool {
    FileManager.default.fileExists(atPath: folder + "/tuning.safetensors")
  }

  /// Writes the state after the steps whose losses are given.
  func write(_ parameters: TunedParameters, losses: [Double]) throws {
    let shape: Shape = [parameters.count]
    let tensors = zip(Self.names, [parameters.positions, parameters.means, parameters.squares])
    let text = JSONValue.array(losses.map { .integer(Int(truncatingIfNeeded: $0.bitPattern)) })
    let writer = try SafetensorsWriter(
      path: path, declarations: Self.names.map { ($0, .float32, shape) },
      metadata: ["fingerprint": fingerprint, "losses": text.serialized(pretty: false)])
    for (name, buffer) in tensors {
      let bytes = UnsafeRawBufferPointer(start: buffer.base, count: buffer.count * MemoryLayout<Float>.size)
      try writer.append(name, Tensor(viewing: bytes, owner: buffer, dtype: .float32, shape: shape))
    }
    try writer.finish()
  }

  /// Takes the state of an earlier run, if there is one; returns the losses of its steps.
  ///
  /// - Throws: `QuantizationError` (`jobMismatch`) if it belongs to other work.
  func read(into parameters: TunedParameters) throws -> [Double] {
    guard Self.exists(folder) else { return [] }
    let file = try SafetensorsFile(path: path)
    let losses = (file.metadata["losses"].flatMap { try? JSONValue.parse([UInt8]($0.utf8)) })?.arrayValue?.compactMap {
      $0.intValue.map { Double(bitPattern: UInt64(bitPattern: Int64($0))) }
    }
    guard file.metadata["fingerprint"] == fingerprint, let losses else {
      throw QuantizationError(
        .jobMismatch,
        "the job folder \(folder) belongs to another model, text or set of options; remove it or give another --job")
    }
    for (name, buffer) in zip(Self.names, [parameters.positions, parameters.means, parameters.squares]) {
      let tensor = try file.tensor(named: name)
      guard tensor.dtype == .float32, tensor.shape == [buffer.count] else {
        throw QuantizationError(.jobMismatch, "\(path): \"\(name)\" does not fit the model; remove the job folder")
      }
      FloatConversion.widen(tensor, into: buffer)
    }
    parameters.update()
    return losses
  }

  /// Removes the file, and the folder if nothing else is there.
  func remove() {
    try? FileManager.default.removeItem(atPath: path)
    let rest = try? FileManager.default.contentsOfDirectory(atPath: folder)
    if rest?.isEmpty == true { try? FileManager.default.removeItem(atPath: folder) }
  }
}

extension FloatConversion {
  /// The values of a tensor of a floating type as long as the buffer.
  static func widen(_ tensor: Tensor, into buffer: FloatBuffer) {
    tensor.withUnsafeBytes {
      widen($0, dtype: tensor.dtype, into: UnsafeMutableBufferPointer(start: buffer.base, count: buffer.count))
    }
  }
}
