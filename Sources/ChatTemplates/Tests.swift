extension Interpreter {
  /// Whether a value passes a test (`value is name(arguments)`).
  func test(_ name: String, _ value: TemplateValue, _ arguments: CallArguments) throws -> Bool {
    if let result = testType(name, value) { return result }
    switch name {
    case "odd", "even", "divisibleby":
      let divisor = name == "divisibleby" ? try arguments.integer(0, "num") : 2
      let remainder = try apply(.remainder, value, .int(divisor)).integer ?? -1
      return name == "odd" ? remainder == 1 : remainder == 0
    case "lower", "upper":
      return try StringMethods.classify("is" + name, value.printed)?.isTrue ?? false
    case "filter": return value.text.map { Self.filterNames.contains($0) } ?? false
    case "test": return value.text.map { testType($0, .none) != nil || Self.operators[$0] != nil } ?? false
    case "sameas":
      guard let other = arguments.positional.first else { break }
      return value.typeName == other.typeName && value.isEqual(to: other)
    default:
      guard let operation = Self.operators[name], let other = arguments.positional.first else { break }
      return try compare(value, operation, other)
    }
    throw TemplateError(.unsupported, "No test named '\(name)'.")
  }

  private func testType(_ name: String, _ value: TemplateValue) -> Bool? {
    switch name {
    case "defined": return !value.isUndefined
    case "undefined": return value.isUndefined
    case "none": return value.isNone
    case "string": return value.text != nil
    case "number": return value.number != nil
    case "escaped": return false
    case "boolean":
      if case .bool = value { return true }
      return false
    case "true", "false":
      if case .bool(let flag) = value { return flag == (name == "true") }
      return false
    case "integer":
      if case .int = value { return true }
      return false
    case "float":
      if case .double = value { return true }
      return false
    case "mapping":
      if case .dictionary = value { return true }
      return false
    case "iterable", "sequence":
      switch value {
      case .undefined, .string, .list, .dictionary: return true
      default: return false
      }
    case "callable":
      if case .object(let object) = value { return object.isCallable }
      return false
    default: return nil
    }
  }

  private static let operators: [String: ComparisonOperator] = [
    "==": .equal, "eq": .equal, "equalto": .equal, "!=": .notEqual, "ne": .notEqual, "<": .less, "lt": .less,
    "lessthan": .less, "<=": .lessOrEqual, "le": .lessOrEqual, ">": .greater, "gt": .greater,
    "greaterthan": .greater, ">=": .greaterOrEqual, "ge": .greaterOrEqual, "in": .in,
  ]

  private static let filterNames: Set<String> = [
    "abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "first",
    "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower",
    "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr",
    "slice", "sort", "string", "striptags", "sum", "title", "tojson", "trim", "truncate", "unique", "upper",
    "urlencode", "wordcount",
  ]
}
