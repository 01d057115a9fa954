import JSONReader

/// What the values of a column are.
enum ValueForm {
  case boolean
  /// Of so many bytes.
  case integer(bytes: Int, isSigned: Bool)
  case float
  case double
  case text

  /// - Throws: `DataFileError` (`unsupported`) for what JSON has no form for.
  init(_ column: ParquetSchema.Column) throws {
    let element = column.element
    func unsupported(_ what: String) -> DataFileError {
      DataFileError(.unsupported, "the column \(column.path) holds \(what), which is not read here")
    }
    if element.convertedType == 5 || element.logicalType == 5 { throw unsupported("decimal numbers") }
    // UINT_8 to UINT_64; dates and times stay the integers that they are stored as.
    let isSigned = !(11...14).contains(element.convertedType ?? 0)
    switch element.type {
    case .boolean: self = .boolean
    case .int32: self = .integer(bytes: 4, isSigned: isSigned)
    case .int64: self = .integer(bytes: 8, isSigned: isSigned)
    case .float: self = .float
    case .double: self = .double
    case .bytes: self = .text
    case .int96: throw unsupported("times of 96 bits")
    case .fixedBytes, nil: throw unsupported("bytes of a fixed number")
    }
  }

  /// Bytes of a value; nil where they differ or are no whole ones.
  var width: Int? {
    switch self {
    case .boolean, .text: nil
    case .integer(let bytes, _): bytes
    case .float: 4
    case .double: 8
    }
  }

  /// A number from its bits.
  func value(_ bits: UInt64) -> JSONValue {
    switch self {
    case .integer(4, true): .integer(Int(Int32(truncatingIfNeeded: bits)))
    case .integer(4, false): .integer(Int(UInt32(truncatingIfNeeded: bits)))
    case .integer(_, true): .integer(Int(truncatingIfNeeded: bits))
    case .integer(_, false): Int(exactly: bits).map(JSONValue.integer) ?? .number(Double(bits))
    case .float: .number(Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits))))
    case .double: .number(Double(bitPattern: bits))
    case .boolean: .bool(bits & 1 == 1)
    case .text: .null
    }
  }

  /// A text from its bytes.
  static func text(_ bytes: some Sequence<UInt8>) throws -> JSONValue {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw DataFileError(.unsupported, "bytes that are no text in UTF-8 are not read here")
    }
    return .string(text)
  }
}
