import Tensors

/// The fields before the data of a GGUF file, read in their order: constants, metadata, tensor descriptions.
struct GGUFHeader {
  private static let dimensionLimit = 4
  /// Name length, one byte of name, dimension count, one dimension, type, offset.
  private static let minimumTensorBytes = 8 + 1 + 4 + 8 + 4 + 8
  /// Key length, one byte of key, type, one byte of value.
  private static let minimumMetadataBytes = 8 + 1 + 4 + 1

  private var cursor: GGUFCursor
  private let tensorCount: Int
  private let metadataCount: Int

  init(_ file: MappedFile) throws {
    cursor = GGUFCursor(file: file, position: 0)
    guard file.bytes.starts(with: Array("GGUF".utf8)) else {
      throw cursor.refuse("it does not start with \"GGUF\"")
    }
    cursor.position = 4
    let version = try cursor.integer(UInt32.self)
    guard version.byteSwapped > 3 else {
      throw CheckpointError(.unsupported, "\(file.path) is a big-endian GGUF file; only little-endian ones are read")
    }
    guard version == 2 || version == 3 else {
      throw CheckpointError(.unsupported, "\(file.path) has GGUF version \(version); versions 2 and 3 are read")
    }
    tensorCount = try cursor.size("the number of tensors")
    metadataCount = try cursor.size("the number of metadata values")
    guard tensorCount <= cursor.remaining / Self.minimumTensorBytes else {
      throw cursor.refuse("\(tensorCount) tensors do not fit its \(file.bytes.count) bytes")
    }
    guard metadataCount <= cursor.remaining / Self.minimumMetadataBytes else {
      throw cursor.refuse("\(metadataCount) metadata values do not fit its \(file.bytes.count) bytes")
    }
  }

  mutating func metadata() throws -> [String: GGUFValue] {
    var metadata: [String: GGUFValue] = [:]
    for _ in 0..<metadataCount {
      let key = try cursor.string("a metadata key")
      guard !key.isEmpty else { throw cursor.refuse("a metadata key is empty") }
      let value = try cursor.value(cursor.valueType())
      guard metadata.updateValue(value, forKey: key) == nil else {
        throw cursor.refuse("the metadata key \"\(key)\" is repeated")
      }
    }
    return metadata
  }

  /// The descriptions, with ranges that lie inside the file.
  mutating func tensors(alignment value: GGUFValue?) throws -> [GGUFFile.TensorDescription] {
    let alignment = value.map { $0.intValue ?? 0 } ?? 32
    guard alignment > 0, alignment <= 1 << 30, alignment.nonzeroBitCount == 1 else {
      throw cursor.refuse("general.alignment is not a power of two")
    }
    var fields: [(name: String, type: GGUFTensorType, shape: Shape, offset: Int, bytes: Int)] = []
    for _ in 0..<tensorCount {
      let name = try cursor.string("a tensor name")
      guard !name.isEmpty else { throw cursor.refuse("a tensor name is empty") }
      let dimensions = try self.dimensions(of: name)
      let type = try self.type(of: name)
      let offset = try cursor.size("the offset of \"\(name)\"")
      guard offset % alignment == 0 else {
        throw cursor.refuse("the offset \(offset) of \"\(name)\" is not a multiple of \(alignment)")
      }
      let bytes = try self.bytes(dimensions, type, name)
      fields.append((name, type, Shape(dimensions.reversed()), offset, bytes))
    }
    let dataStart = (cursor.position + alignment - 1) / alignment * alignment
    let dataBytes = max(0, cursor.file.bytes.count - dataStart)
    return try fields.map { name, type, shape, offset, bytes in
      guard offset <= dataBytes, bytes <= dataBytes - offset else {
        throw cursor.refuse("\"\(name)\" (\(bytes) bytes at \(offset)) lies past its end; the file may be cut")
      }
      let start = dataStart + offset
      return GGUFFile.TensorDescription(name: name, type: type, shape: shape, range: start..<(start + bytes))
    }
  }

  /// The extents, innermost first.
  private mutating func dimensions(of name: String) throws -> [Int] {
    let rank = try cursor.integer(UInt32.self)
    guard (1...Self.dimensionLimit).contains(Int(rank)) else {
      throw cursor.refuse("\"\(name)\" has \(rank) dimensions")
    }
    var dimensions: [Int] = []
    for _ in 0..<rank {
      let extent = try cursor.size("a dimension of \"\(name)\"")
      guard extent > 0 else { throw cursor.refuse("a dimension of \"\(name)\" is 0") }
      dimensions.append(extent)
    }
    return dimensions
  }

  private mutating func type(of name: String) throws -> GGUFTensorType {
    let raw = try cursor.integer(UInt32.self)
    if let type = GGUFTensorType(rawValue: raw) { return type }
    if let retired = GGUFTensorType.retiredNames[raw] {
      throw CheckpointError(
        .unsupported,
        "\(cursor.file.path): \"\(name)\" has the type \(retired), which ggml gave up; make the file anew from its model"
      )
    }
    throw cursor.refuse("\"\(name)\" has the unknown type \(raw)")
  }

  private func bytes(_ dimensions: [Int], _ type: GGUFTensorType, _ name: String) throws -> Int {
    guard dimensions[0] % type.blockLength == 0 else {
      throw cursor.refuse("rows of \(dimensions[0]) elements of \"\(name)\" are not whole \(type.name) blocks")
    }
    guard let count = Shape.checkedElementCount(dimensions),
      case let (bytes, overflow) = (count / type.blockLength).multipliedReportingOverflow(by: type.blockBytes),
      // Dequantized, an element takes four bytes.
      !overflow, count <= Int.max / 4
    else { throw cursor.refuse("the dimensions \(dimensions) of \"\(name)\" are too large") }
    return bytes
  }
}
