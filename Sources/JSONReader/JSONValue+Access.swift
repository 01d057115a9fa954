extension JSONValue {
  /// Parses one document.
  ///
  /// - Throws: `JSONError` with the byte offset.
  public static func parse(_ bytes: UnsafeRawBufferPointer) throws -> JSONValue {
    try bytes.withMemoryRebound(to: UInt8.self) { bytes in
      var cursor = JSONCursor(bytes)
      let value = try cursor.value()
      try cursor.expectEnd()
      return value
    }
  }

  /// Parses one document.
  ///
  /// - Throws: `JSONError` with the byte offset.
  public static func parse(_ bytes: [UInt8]) throws -> JSONValue {
    try bytes.withUnsafeBytes { try parse($0) }
  }

  /// The value of the last entry with this key, compared byte by byte; nil if this is no object or has no such key.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let entries) = self else { return nil }
    return entries.last { $0.key.utf8.elementsEqual(key.utf8) }?.value
  }

  /// The text of a string.
  public var stringValue: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// An integer, or a number without a fraction that fits `Int`.
  public var intValue: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// Any number.
  public var doubleValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// A truth value.
  public var boolValue: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// The items of an array.
  public var arrayValue: [JSONValue]? {
    if case .array(let items) = self { items } else { nil }
  }

  /// The entries of an object, in the order of the text.
  public var objectValue: [(key: String, value: JSONValue)]? {
    if case .object(let entries) = self { entries } else { nil }
  }
}
