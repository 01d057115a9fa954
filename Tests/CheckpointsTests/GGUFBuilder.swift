import Checkpoints
import Foundation

/// Builds the bytes of a GGUF file (version 3) field by field, so that any of them can be wrong.
struct GGUFBuilder {
  /// A metadata value with its type.
  enum Value {
    case uint32(UInt32)
    case float32(Float)
    case bool(Bool)
    case string(String)
    case strings([String])
    case int32s([Int32])
    case float32s([Float])
    /// Type and bytes as given.
    case raw(UInt32, [UInt8])
  }

  struct TensorField {
    var name: String
    /// Innermost first.
    var dimensions: [UInt64]
    var rank: UInt32
    var type: UInt32
    var offset: UInt64
  }

  var version: UInt32 = 3
  var metadata: [(key: String, value: Value)] = []
  var tensors: [TensorField] = []
  var data: [UInt8] = []
  var tensorCount: UInt64?
  var metadataCount: UInt64?

  /// Adds a tensor of F32 values; `dimensions` innermost first.
  mutating func add(_ name: String, _ dimensions: [Int], _ values: [Float]) {
    data += [UInt8](repeating: 0, count: -data.count & 31)
    tensors.append(
      TensorField(
        name: name, dimensions: dimensions.map(UInt64.init), rank: UInt32(dimensions.count), type: 0,
        offset: UInt64(data.count)))
    for value in values { data += Self.bytes(value.bitPattern) }
  }

  var bytes: [UInt8] {
    var bytes = Array("GGUF".utf8) + Self.bytes(version)
    bytes += Self.bytes(tensorCount ?? UInt64(tensors.count))
    bytes += Self.bytes(metadataCount ?? UInt64(metadata.count))
    for (key, value) in metadata { bytes += Self.bytes(key) + Self.bytes(value) }
    for tensor in tensors {
      bytes += Self.bytes(tensor.name) + Self.bytes(tensor.rank)
      for extent in tensor.dimensions { bytes += Self.bytes(extent) }
      bytes += Self.bytes(tensor.type) + Self.bytes(tensor.offset)
    }
    return bytes + [UInt8](repeating: 0, count: -bytes.count & 31) + data
  }

  /// Opens the file as written to a temporary folder, and hands it to `body`.
  func withFile<Result>(_ body: (GGUFFile) throws -> Result) throws -> Result {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("vptq-test-\(UUID().uuidString).gguf")
    defer { try? FileManager.default.removeItem(at: url) }
    try AtomicFile.write(bytes, to: url.path)
    return try body(try GGUFFile(path: url.path))
  }

  static func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  static func bytes(_ text: String) -> [UInt8] { bytes(UInt64(text.utf8.count)) + Array(text.utf8) }

  private static func bytes(_ value: Value) -> [UInt8] {
    func list(_ type: UInt32, _ count: Int, _ elements: [UInt8]) -> [UInt8] {
      bytes(UInt32(9)) + bytes(type) + bytes(UInt64(count)) + elements
    }
    return switch value {
    case .uint32(let value): bytes(UInt32(4)) + bytes(value)
    case .float32(let value): bytes(UInt32(6)) + bytes(value.bitPattern)
    case .bool(let value): bytes(UInt32(7)) + [value ? 1 : 0]
    case .string(let value): bytes(UInt32(8)) + bytes(value)
    case .strings(let values): list(8, values.count, values.flatMap { bytes($0) })
    case .int32s(let values): list(5, values.count, values.flatMap { bytes($0) })
    case .float32s(let values): list(6, values.count, values.flatMap { bytes($0.bitPattern) })
    case .raw(let type, let value): bytes(type) + value
    }
  }
}
