/// A metadata value of a GGUF file.
public enum GGUFValue: Sendable {
  /// Any of the integer types; values beyond `Int` are refused when the file is opened.
  case integer(Int)
  /// A 32-bit number.
  case float32(Float)
  /// A 64-bit number.
  case float64(Double)
  /// A truth value.
  case bool(Bool)
  /// A text; bytes that are not UTF-8 are replaced by U+FFFD.
  case string(String)
  /// A list, decoded on demand.
  case array(GGUFArray)

  /// The integer, or nil for any other type.
  public var intValue: Int? {
    if case .integer(let value) = self { value } else { nil }
  }

  /// The number; a 32-bit one becomes the double with the same shortest decimal form (`1e-05`, not `9.99…e-06`).
  public var doubleValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .float32(let value): Double(value.description)
    case .float64(let value): value
    default: nil
    }
  }

  /// The truth value, or nil for any other type.
  public var boolValue: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// The text, or nil for any other type.
  public var stringValue: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The list, or nil for any other type.
  public var arrayValue: GGUFArray? {
    if case .array(let value) = self { value } else { nil }
  }
}

/// The type of a metadata value (`gguf_metadata_value_type`).
public enum GGUFValueType: UInt32, Sendable {
  case uint8 = 0
  case int8 = 1
  case uint16 = 2
  case int16 = 3
  case uint32 = 4
  case int32 = 5
  case float32 = 6
  case bool = 7
  case string = 8
  case array = 9
  case uint64 = 10
  case int64 = 11
  case float64 = 12

  /// The fewest bytes a value takes.
  var minimumBytes: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64, .string: 8
    case .array: 12
    }
  }
}
