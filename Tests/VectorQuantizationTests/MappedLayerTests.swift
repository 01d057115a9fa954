import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import VectorQuantization

/// Layers of a mapped file.
@Suite struct MappedLayerTests {
  /// Codes are used where they lie if 16 bytes of the file follow them, and are copied otherwise; either way the layer
  /// is that of `SmallLayerTests`.
  @Test(arguments: [false, true])
  func codesStayInTheFile(codesLast: Bool) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("model.safetensors").path
    var parts = try SmallLayerTests.layer().tensors().map { ("m.\($0.name)", $0.tensor) }
    let position = try #require(parts.firstIndex { $0.0 == "m.indices" })
    let codes = parts.remove(at: position)
    parts.insert(codes, at: codesLast ? parts.count : 0)
    let writer = try SafetensorsWriter(path: path, declarations: parts.map { ($0.0, $0.1.dtype, $0.1.shape) })
    for (name, tensor) in parts { try writer.append(name, tensor) }
    try writer.finish()

    let file = try SafetensorsFile(path: path)
    let layer = try VectorQuantizedLinear(
      reading: file, module: "m", settings: SmallLayerTests.layer().settings, outFeatures: 5, inFeatures: 4)
    let stored = try file.tensor(named: "m.indices")
    #expect((layer.indices.tensor.baseAddress == stored.baseAddress) == !codesLast)
    #expect(layer.indices.tensor.readableBytesAfterEnd >= 16)
    expectClose(try layer.dequantized(), SmallLayerTests.weight, 1e-6)
    #expect(layer.storedBits.total == 8 * parts.reduce(0) { $0 + bytes($1.1).count })
  }
}
