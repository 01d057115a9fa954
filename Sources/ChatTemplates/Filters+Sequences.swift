extension Filters {
  static func sequence(
    _ name: String, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue? {
    switch name {
    case "length", "count": return .int(try length(value))
    case "list": return .list(try items(value, interpreter))
    case "first", "last":
      let items = try items(value, interpreter)
      return (name == "first" ? items.first : items.last)
        ?? .undefined(TemplateUndefined("No \(name) item, sequence was empty."))
    case "join": return .string(try join(value, arguments, interpreter))
    case "reverse":
      if let text = value.text { return .string(String(scalars: text.unicodeScalars.reversed())) }
      return .list(try items(value, interpreter).reversed())
    case "sort":
      let keys = try sortKeys(value, arguments, attribute: 2, interpreter)
      let sorted = try keys.sortedStably { left, right in
        arguments.flag(0, "reverse") ? try right.key.isLess(than: left.key) : try left.key.isLess(than: right.key)
      }
      return .list(sorted.map(\.item))
    case "unique":
      var seen: [TemplateValue] = []
      let keyed = try keyed(value, arguments, interpreter)
      return .list(
        try keyed.compactMap { key, item in
          try interpreter.charge(1 + seen.count / 16)
          guard !seen.contains(where: { $0.isEqual(to: key) }) else { return nil }
          seen.append(key)
          return item
        })
    case "min", "max":
      let keyed = try keyed(value, arguments, interpreter)
      guard var best = keyed.first else {
        return .undefined(TemplateUndefined("No aggregated item, sequence was empty."))
      }
      for candidate in keyed.dropFirst()
      where try name == "min" ? candidate.key.isLess(than: best.key) : best.key.isLess(than: candidate.key) {
        best = candidate
      }
      return best.item
    case "sum":
      var total = arguments.value(1, "start") ?? .int(0)
      for item in try items(value, interpreter) {
        let term = try arguments.value(0, "attribute").map { try path($0, of: item, interpreter) } ?? item
        total = try interpreter.apply(.add, total, term)
      }
      return total
    case "map": return .list(try map(value, arguments, interpreter))
    case "select", "reject", "selectattr", "rejectattr": return .list(try select(name, value, arguments, interpreter))
    case "batch", "slice": return .list(try cut(name, value, arguments, interpreter))
    default: return nil
    }
  }

  static func length(_ value: TemplateValue) throws -> Int {
    switch value {
    case .undefined(let undefined):
      if undefined.isHiddenBySandbox { throw undefined.error }
      return 0
    case .string(let text): return text.unicodeScalars.count
    case .list(let list): return list.items.count
    case .dictionary(let dictionary): return dictionary.count
    default: throw TemplateError(.wrongType, "object of type '\(value.typeName)' has no len()")
    }
  }

  private static func join(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> String {
    let separator = arguments.value(0, "d")?.printed ?? ""
    var result = ""
    for (index, item) in try items(value, interpreter).enumerated() {
      let part = try arguments.value(1, "attribute").map { try path($0, of: item, interpreter) } ?? item
      try interpreter.write(index > 0 ? separator + part.printed : part.printed, into: &result)
    }
    return result
  }

  private typealias Keyed = (key: TemplateValue, item: TemplateValue)

  /// Items with the key that `unique`, `min` and `max` compare.
  private static func keyed(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> [Keyed] {
    let isCaseSensitive = arguments.flag(0, "case_sensitive")
    return try items(value, interpreter).map { item in
      let key = try arguments.value(1, "attribute").map { try path($0, of: item, interpreter) } ?? item
      return (folded(key, isCaseSensitive), item)
    }
  }

  private static func sortKeys(
    _ value: TemplateValue, _ arguments: CallArguments, attribute position: Int, _ interpreter: Interpreter
  ) throws -> [Keyed] {
    let isCaseSensitive = arguments.flag(1, "case_sensitive")
    let attributes = arguments.value(position, "attribute")?.text?.split(separator: ",").map {
      TemplateValue.string(String($0))
    }
    return try items(value, interpreter).map { item in
      guard let attributes else { return (folded(item, isCaseSensitive), item) }
      return (.list(try attributes.map { folded(try path($0, of: item, interpreter), isCaseSensitive) }), item)
    }
  }

  private static func map(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> [TemplateValue] {
    let items = try items(value, interpreter)
    if let attribute = arguments.value(named: "attribute") {
      let standard = arguments.value(named: "default")
      return try items.map { item in
        let found = try path(attribute, of: item, interpreter)
        return found.isUndefined ? standard ?? found : found
      }
    }
    let name = try arguments.text(0, "filter")
    return try items.map { try interpreter.apply(name, to: $0, arguments.dropping(1)) }
  }

  private static func select(
    _ name: String, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> [TemplateValue] {
    let byAttribute = name.hasSuffix("attr")
    let wanted = name.hasPrefix("select")
    let attribute = byAttribute ? arguments.value(0, "attribute") : nil
    if byAttribute, attribute == nil { throw TemplateError(.wrongType, "missing parameter for attribute name") }
    let rest = arguments.dropping(byAttribute ? 1 : 0)
    let test = rest.positional.first?.text
    return try items(value, interpreter).filter { item in
      let operand = try attribute.map { try path($0, of: item, interpreter) } ?? item
      let passes = try test.map { try interpreter.test($0, operand, rest.dropping(1)) } ?? operand.isTrue
      return passes == wanted
    }
  }

  private static func cut(
    _ name: String, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> [TemplateValue] {
    let items = try items(value, interpreter)
    let count = try arguments.integer(0, name == "batch" ? "linecount" : "slices")
    guard count > 0 else { throw TemplateError(.wrongValue, "'\(name)' needs a positive count") }
    let fill = arguments.value(1, "fill_with")
    try interpreter.chargeCopy(count)
    if name == "batch" {
      return stride(from: 0, to: items.count, by: count).map { start in
        var row = Array(items[start..<min(items.count - start, count) + start])
        if let fill, !fill.isNone { row += Array(repeating: fill, count: count - row.count) }
        return .list(row)
      }
    }
    var start = 0
    return (0..<count).map { index in
      let isLong = index < items.count % count
      let size = items.count / count + (isLong ? 1 : 0)
      var column = Array(items[start..<start + size])
      start += size
      if let fill, !fill.isNone, !isLong, items.count % count != 0 { column.append(fill) }
      return .list(column)
    }
  }
}
