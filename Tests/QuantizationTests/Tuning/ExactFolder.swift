import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import Tensors
import TestSupport
import VectorQuantization

/// A model as a vector-quantized folder that loses nothing: each input column of a matrix is a centroid of its own, so the
/// gradient of the codebook is that of the matrix.
enum ExactFolder {
  /// The order of the columns in a matrix of `count` inputs.
  static func order(_ count: Int) -> [Int] { (0..<count).map { (count + 6 - $0) % count } }

  /// Writes the folder.
  static func write(_ fixture: ArchitectureFixture, from dense: ModelDirectory, to path: String) throws {
    let configuration = try ModelConfiguration(dense)
    var shapes: [String: Shape] = [:]
    for block in 0..<configuration.layerCount {
      for linear in configuration.linears(ofBlock: block) {
        shapes["\(configuration.blockModule(block)).\(linear.name)"] = linear.shape
      }
    }
    var tensors: [(name: String, tensor: Tensor)] = []
    var settings: [(module: String, settings: LayerSettings)] = []
    for declaration in fixture.declarations {
      let values = fixture.values(of: declaration)
      let module = String(declaration.name.dropLast(".weight".count))
      guard declaration.name.hasSuffix(".weight"), let shape = shapes[module] else {
        tensors.append((declaration.name, Tensor(values, shape: declaration.shape)))
        continue
      }
      let (rows, columns) = (shape[0], shape[1])
      let order = order(columns)
      let layer = LayerSettings(vectorLength: rows, centroidCount: columns)
      settings.append((module, layer))
      let indices = PackedIndices(
        packing: (0..<columns).map { UInt32($0) }, rowCount: 1, columnCount: columns, codeBits: layer.codeBits)
      let parts: [(String, Tensor)] = [
        (
          "centroids.weight",
          Tensor(
            order.flatMap { column in (0..<rows).map { values[$0 * columns + column] } }, shape: [1, rows * columns])
        ),
        ("indices", indices.tensor), ("perm", try Permutation(order.map { UInt32($0) }).tensor),
        ("weight_scale", Tensor([Float](repeating: 1, count: columns), shape: [columns])),
        ("weight_bias", Tensor([Float](repeating: 0, count: columns), shape: [columns])),
      ]
      tensors += parts.map { ("\(module).\($0.0)", $0.1) }
    }
    let writer = try CheckpointWriter(
      folder: path, declarations: tensors.map { ($0.name, $0.tensor.dtype, $0.tensor.shape) })
    for entry in tensors { try writer.write(entry.name, entry.tensor) }
    try writer.finish()
    let entries =
      (dense.configuration.objectValue ?? []) + [
        ("quantization_config", QuantizationSettings(layers: settings).json)
      ]
    try AtomicFile.write([UInt8](JSONValue.object(entries).serialized(pretty: true).utf8), to: path + "/config.json")
  }
}
