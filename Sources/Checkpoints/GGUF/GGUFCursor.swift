import Tensors

/// Reads the little-endian fields of a GGUF file, never past its end.
struct GGUFCursor {
  /// Lists in lists deeper than this are refused.
  private static let nestingLimit = 4

  let file: MappedFile
  var position: Int

  var remaining: Int { file.bytes.count - position }

  func refuse(_ reason: String) -> CheckpointError {
    CheckpointError(.malformedFile, "\(file.path) is not a valid GGUF file: \(reason)")
  }

  mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type) throws -> Value {
    Value(littleEndian: try load(type))
  }

  /// A 64-bit count or size that fits `Int`.
  mutating func size(_ what: String) throws -> Int {
    let value = try integer(UInt64.self)
    guard let size = Int(exactly: value) else { throw refuse("\(what) is \(value)") }
    return size
  }

  mutating func string(_ what: String) throws -> String {
    let length = try size("the length of \(what)")
    guard length <= remaining else { throw refuse("\(what) takes \(length) bytes, of which \(remaining) are there") }
    defer { position += length }
    return String(decoding: file.bytes[position..<position + length], as: UTF8.self)
  }

  mutating func valueType() throws -> GGUFValueType {
    let raw = try integer(UInt32.self)
    guard let type = GGUFValueType(rawValue: raw) else { throw refuse("a metadata value has the unknown type \(raw)") }
    return type
  }

  mutating func value(_ type: GGUFValueType, depth: Int = 0) throws -> GGUFValue {
    switch type {
    case .uint8: .integer(Int(try integer(UInt8.self)))
    case .int8: .integer(Int(try integer(Int8.self)))
    case .uint16: .integer(Int(try integer(UInt16.self)))
    case .int16: .integer(Int(try integer(Int16.self)))
    case .uint32: .integer(Int(try integer(UInt32.self)))
    case .int32: .integer(Int(try integer(Int32.self)))
    case .uint64: .integer(try size("a metadata value"))
    case .int64: .integer(Int(try integer(Int64.self)))
    case .float32: .float32(Float(bitPattern: try integer(UInt32.self)))
    case .float64: .float64(Double(bitPattern: try integer(UInt64.self)))
    case .bool: .bool(try integer(UInt8.self) != 0)
    case .string: .string(try string("a metadata text"))
    case .array: .array(try array(depth: depth))
    }
  }

  private mutating func array(depth: Int) throws -> GGUFArray {
    guard depth < Self.nestingLimit else { throw refuse("metadata lists are nested too deeply") }
    let type = try valueType()
    let count = try size("the length of a metadata list")
    guard count <= remaining / type.minimumBytes else {
      throw refuse("a metadata list of \(count) elements does not fit the file")
    }
    let array = GGUFArray(elementType: type, count: count, file: file, start: position)
    switch type {
    case .string:
      for _ in 0..<count {
        let length = try size("the length of a metadata text")
        guard length <= remaining else { throw refuse("a metadata text of \(length) bytes does not fit the file") }
        position += length
      }
    case .array:
      for _ in 0..<count { _ = try self.array(depth: depth + 1) }
    default:
      position += count * type.minimumBytes
    }
    return array
  }

  private mutating func load<Value: BitwiseCopyable>(_ type: Value.Type) throws -> Value {
    guard MemoryLayout<Value>.size <= remaining else { throw refuse("it ends inside its header") }
    defer { position += MemoryLayout<Value>.size }
    return file.bytes.loadUnaligned(fromByteOffset: position, as: type)
  }
}
