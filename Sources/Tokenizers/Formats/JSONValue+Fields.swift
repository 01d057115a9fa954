import JSONReader

/// Lenient access for configuration files: what is absent or of another type reads as null, nil, false or empty.
extension JSONValue {
  /// The value of a key; the last one where a key is repeated.
  func field(_ name: String) -> JSONValue {
    guard case .object(let entries) = self else { return .null }
    return entries.last { $0.key == name }?.value ?? .null
  }

  var isNull: Bool { if case .null = self { true } else { false } }

  var text: String? { if case .string(let text) = self { text } else { nil } }

  var integer: Int? { if case .integer(let integer) = self { integer } else { nil } }

  var real: Double? {
    switch self {
    case .integer(let integer): Double(integer)
    case .number(let number): number
    default: nil
    }
  }

  var flag: Bool { if case .bool(let flag) = self { flag } else { false } }

  var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
}
