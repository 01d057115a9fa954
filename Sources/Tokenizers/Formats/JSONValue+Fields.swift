import JSONReader

/// Lenient access for configuration files: what is absent or of another type reads as null, false or empty.
extension JSONValue {
  /// The value of a key, null where it is absent.
  func field(_ name: String) -> JSONValue { self[name] ?? .null }

  var isNull: Bool { if case .null = self { true } else { false } }

  var flag: Bool { boolValue ?? false }

  var elements: [JSONValue] { arrayValue ?? [] }
}
