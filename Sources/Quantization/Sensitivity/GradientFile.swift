import Checkpoints
import Foundation
import JSONReader
import Tensors

/// Gradients of outputs on disk, a tensor of `[tokens]` for each matrix, so that a run that goes on need not measure again.
struct GradientFile {
  let path: String
  /// What the measurement depends on.
  let fingerprint: String

  /// Writes what there is so far, complete or not at all.
  func write(_ gradients: OutputGradients) throws {
    let modules = gradients.modules
    let writer = try SafetensorsWriter(
      path: path,
      declarations: modules.map { ($0, .float32, [gradients.record(of: $0).energies.count]) },
      metadata: ["fingerprint": fingerprint])
    for module in modules {
      let energies = gradients.record(of: module).energies
      try writer.append(module, Tensor(energies, shape: [energies.count], dtype: .float32))
    }
    try writer.finish()
  }

  /// What an earlier run of the same work has found, if anything.
  func read() throws -> OutputGradients {
    let gradients = OutputGradients()
    guard FileManager.default.fileExists(atPath: path), let file = try? SafetensorsFile(path: path),
      file.metadata["fingerprint"] == fingerprint
    else { return gradients }
    for name in file.tensorNames {
      gradients.record(of: name).energies = try file.tensor(named: name).floats()
    }
    return gradients
  }
}
