import Checkpoints
import Foundation
import JSONReader

/// What `quantization.json` tells of the errors of a folder's matrices.
struct StoredErrors: Sendable {
  /// The errors of one matrix.
  struct Matrix: Sendable {
    /// `tr(E H Eᵀ) / tr(W H Wᵀ)` of what is stored, before any tuning.
    let relativeError: Double
    /// The least error after each step of the recipe.
    let steps: [(name: String, relativeError: Double)]
  }

  /// By module name.
  let matrices: [String: Matrix]
  /// Whether the folder was tuned afterwards, so that these are the errors before that.
  let wasTuned: Bool

  /// Reads the file of a folder; nil where there is none.
  ///
  /// - Throws: `CheckpointError` (`malformedFile`) for a file that is no record of a quantization.
  init?(_ folder: ModelDirectory) throws {
    let path = folder.url(for: "quantization.json").path
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let json = try JSONFile.read(path)
    guard let layers = json["layers"]?.arrayValue else {
      throw CheckpointError(.malformedFile, "\(path) has no list \"layers\"; remove the file if vptq did not write it")
    }
    var matrices: [String: Matrix] = [:]
    for layer in layers {
      guard let name = layer["name"]?.stringValue, let error = layer["relative_error"]?.doubleValue else { continue }
      let steps = (layer["steps"]?.objectValue ?? []).compactMap { step in
        step.value.doubleValue.map { (name: step.key, relativeError: $0) }
      }
      matrices[name] = Matrix(relativeError: error, steps: steps)
    }
    self.matrices = matrices
    wasTuned = json["tuning"] != nil
  }
}
