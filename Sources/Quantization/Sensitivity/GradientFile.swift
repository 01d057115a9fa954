import Checkpoints
import Tensors

/// Gradients of outputs on disk, a tensor of `[tokens]` for each matrix.
struct GradientFile {
  let path: String
  let metadata: [String: String]

  /// Writes them, complete or not at all.
  func write(_ gradients: OutputGradients) throws {
    let modules = gradients.modules
    let writer = try SafetensorsWriter(
      path: path,
      declarations: modules.map { ($0, .float32, [gradients.record(of: $0).energies.count]) }, metadata: metadata)
    for module in modules {
      let energies = gradients.record(of: module).energies
      try writer.append(module, Tensor(energies, shape: [energies.count], dtype: .float32))
    }
    try writer.finish()
  }

  /// Appends those of some modules, as far as they were measured, to what is known of them.
  func read(_ modules: [String], addingTo gradients: OutputGradients) throws {
    let file = try SafetensorsFile(path: path)
    for module in modules where file.contains(module) {
      gradients.record(of: module).energies += try file.tensor(named: module).floats()
    }
  }
}
