import Checkpoints
import Foundation
import JSONReader
import Tensors
import TestSupport
import VectorQuantization

/// One of the reference package's single layers in the shared data.
struct SharedLayer {
  static let module = "m"

  let name: String
  let file: SafetensorsFile
  let settings: LayerSettings
  let dtype: DType
  let weight: Tensor

  static let names: [String] = {
    guard let url = try? SharedData.url("vectors/vectors/index.json"), let data = try? Data(contentsOf: url),
      let json = try? JSONValue.parse([UInt8](data))
    else { return [] }
    return (json.arrayValue ?? []).compactMap(\.stringValue)
  }()

  init(_ name: String) throws {
    self.name = name
    file = try SafetensorsFile(path: SharedData.url("vectors/vectors/\(name).safetensors").path)
    let json = try JSONValue.parse([UInt8](Data(contentsOf: SharedData.url("vectors/vectors/\(name).json"))))
    var ignored: Set<String> = []
    settings = try LayerSettings(json["config"] ?? .null, layer: name, ignoredKeys: &ignored)
    weight = try file.tensor(named: "ref.weight")
    dtype = weight.dtype
  }

  func layer() throws -> VectorQuantizedLinear {
    try VectorQuantizedLinear(
      reading: Prefixed(file: file), module: Self.module, settings: settings, outFeatures: weight.shape[0],
      inFeatures: weight.shape[1])
  }

  /// The file's tensors under a module name, without those of the reference.
  private struct Prefixed: TensorSource {
    let file: SafetensorsFile

    func contains(_ name: String) -> Bool { file.contains(String(name.dropFirst(SharedLayer.module.count + 1))) }

    func tensor(named name: String) throws -> Tensor {
      try file.tensor(named: String(name.dropFirst(SharedLayer.module.count + 1)))
    }
  }

  /// Integers of an I32 tensor of the reference.
  func integers(_ name: String) throws -> [UInt32] {
    try file.tensor(named: name).withUnsafeBytes { bytes in
      (0..<(bytes.count / 4)).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
    }
  }
}
