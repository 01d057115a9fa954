extension Interpreter {
  /// The value after a filter; throws `.unsupported` for a filter Jinja or this room does not have.
  func apply(_ name: String, to value: TemplateValue, _ arguments: CallArguments) throws -> TemplateValue {
    if let result = try Filters.text(name, value, arguments, self) { return result }
    if let result = try Filters.number(name, value, arguments, self) { return result }
    if let result = try Filters.sequence(name, value, arguments, self) { return result }
    if let result = try Filters.mapping(name, value, arguments, self) { return result }
    throw TemplateError(.unsupported, "No filter named '\(name)'.")
  }
}

/// The filters by the kind of value they work on; each function answers nil for a name it does not have.
enum Filters {
  /// The items a filter walks; a dictionary gives its keys.
  static func items(_ value: TemplateValue, _ interpreter: Interpreter) throws -> [TemplateValue] {
    let items = try interpreter.items(of: value)
    try interpreter.charge(1 + items.count / 16)
    return items
  }

  /// `a.b.0` of a value, undefined where a step is missing.
  static func path(_ path: TemplateValue, of value: TemplateValue, _ interpreter: Interpreter) throws -> TemplateValue {
    guard let text = path.text else { return try interpreter.item(path, of: value) }
    return try text.split(separator: ".", omittingEmptySubsequences: false).reduce(value) { value, part in
      try interpreter.item(Int(part).map { .int($0) } ?? .string(String(part)), of: value)
    }
  }

  /// Text folded to lower case unless comparisons are case-sensitive.
  static func folded(_ value: TemplateValue, _ isCaseSensitive: Bool) -> TemplateValue {
    guard !isCaseSensitive, let text = value.text else { return value }
    return .string(text.lowercased())
  }
}
