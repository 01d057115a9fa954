extension Filters {
  /// An iterator over items made of `source`.
  static func iterator(
    _ items: @autoclosure @escaping () throws -> [TemplateValue], of source: TemplateValue
  ) -> TemplateValue {
    .object(IteratorObject(depth: source.depth + 1, items))
  }

  static func sequence(
    _ filter: Filter, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    switch filter {
    case .length: return .int(try length(value))
    case .list: return .list(try items(value, interpreter))
    case .first:
      if case .object(let object) = value, let iterator = object as? IteratorObject {
        return try iterator.next(interpreter) ?? empty("first")
      }
      return try items(value, interpreter).first ?? empty("first")
    case .last:
      if case .object(let object) = value, object is IteratorObject {
        throw TemplateError(.wrongType, "'\(value.typeName)' object is not reversible")
      }
      return try items(value, interpreter).last ?? empty("last")
    case .join: return .string(try join(value, arguments, interpreter))
    case .reverse:
      if case .string(let text) = value {
        return .string(
          TemplateText.joined(try interpreter.characters(of: text).reversed()).asMarkup(text.isMarkup))
      }
      return iterator(try items(value, interpreter).reversed(), of: value)
    case .sort:
      let keys = try sortKeys(value, arguments, interpreter)
      let isReversed = arguments.flag(0, "reverse")
      let sorted = try keys.sortedStably { left, right in
        isReversed ? try right.key.isLess(than: left.key) : try left.key.isLess(than: right.key)
      }
      return .list(sorted.map(\.item))
    case .unique: return iterator(try unique(value, arguments, interpreter), of: value)
    case .min, .max:
      let keyed = try keyed(value, arguments, interpreter)
      guard var best = keyed.first else {
        return .undefined(TemplateUndefined("No aggregated item, sequence was empty."))
      }
      for candidate in keyed.dropFirst()
      where try filter == .min ? candidate.key.isLess(than: best.key) : best.key.isLess(than: candidate.key) {
        best = candidate
      }
      return best.item
    case .sum: return try sum(value, arguments, interpreter)
    case .map: return try map(value, arguments, interpreter)
    case .select, .reject, .selectattr, .rejectattr: return try select(filter, value, arguments, interpreter)
    default: return try cut(filter, value, arguments, interpreter)
    }
  }

  private static func empty(_ name: String) -> TemplateValue {
    .undefined(TemplateUndefined("No \(name) item, sequence was empty."))
  }

  static func length(_ value: TemplateValue) throws -> Int {
    switch value {
    case .undefined(let undefined):
      if undefined.isHiddenBySandbox { throw undefined.error }
      return 0
    case .string(let text): return text.string.scalarCount
    case .list(let list): return list.items.count
    case .dictionary(let dictionary): return dictionary.count
    case .object(let loop as LoopState): return loop.count
    default: throw TemplateError(.wrongType, "object of type '\(value.typeName)' has no len()")
    }
  }

  private static func join(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateText {
    let separator = arguments.value(0, "d")?.printed ?? TemplateText()
    let attribute = arguments.value(1, "attribute")
    var result = TemplateText()
    for (index, item) in try items(value, interpreter).enumerated() {
      let part = try attribute.map { try path($0, of: item, interpreter) } ?? item
      if index > 0 { try interpreter.write(separator, into: &result) }
      try interpreter.write(part.printed, into: &result)
    }
    return result
  }

  private static func unique(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> [TemplateValue] {
    var seen: Set<TemplateKey> = []
    return try keyed(value, arguments, interpreter).compactMap { key, item in
      guard let hashed = TemplateKey(key) else {
        throw TemplateError(.wrongType, "unhashable type: '\(key.typeName)'")
      }
      return seen.insert(hashed).inserted ? item : nil
    }
  }

  private static func sum(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    var total = arguments.value(1, "start") ?? .int(0)
    if case .string = total { throw TemplateError(.wrongType, "sum() can't sum strings [use ''.join(seq) instead]") }
    let attribute = arguments.value(0, "attribute")
    for item in try items(value, interpreter) {
      let term = try attribute.map { $0.isNone ? item : try path($0, of: item, interpreter) } ?? item
      total = try interpreter.admit(interpreter.apply(.add, total, term))
    }
    return total
  }

  private typealias Keyed = (key: TemplateValue, item: TemplateValue)

  /// Items with the key that `unique`, `min` and `max` compare.
  private static func keyed(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> [Keyed] {
    let isCaseSensitive = arguments.flag(0, "case_sensitive")
    let attribute = arguments.value(1, "attribute")
    return try items(value, interpreter).map { item in
      let key = try attribute.map { $0.isNone ? item : try path($0, of: item, interpreter) } ?? item
      return (folded(key, isCaseSensitive), item)
    }
  }

  private static func sortKeys(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> [Keyed] {
    let isCaseSensitive = arguments.flag(1, "case_sensitive")
    let attribute = arguments.value(2, "attribute")
    let items = try items(value, interpreter)
    guard let attribute, !attribute.isNone else { return items.map { (folded($0, isCaseSensitive), $0) } }
    let paths = attribute.text.map { text in
      text.split(separator: ",", omittingEmptySubsequences: false).map { TemplateValue.string(String($0)) }
    }
    return try items.map { item in
      let keys = try (paths ?? [attribute]).map { folded(try path($0, of: item, interpreter), isCaseSensitive) }
      return (.list(keys), item)
    }
  }

  private static func map(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    // Jinja looks at nothing else where the value is empty, `none` or zero.
    guard value.isTrue else { return iterator([], of: value) }
    if arguments.positional.isEmpty, let attribute = arguments.value(named: "attribute") {
      let standard = arguments.value(named: "default")
      let surplus = arguments.named.first { $0.name != "attribute" && $0.name != "default" }
      return iterator(
        try {
          if let surplus { throw TemplateError(.wrongValue, "Unexpected keyword argument '\(surplus.name)'") }
          return try items(value, interpreter).map { item in
            let found = try path(attribute, of: item, interpreter)
            return found.isUndefined ? standard ?? found : found
          }
        }(), of: value)
    }
    return iterator(
      try {
        guard let name = arguments.positional.first?.text else {
          throw TemplateError(.wrongValue, "map requires a filter argument")
        }
        guard let filter = Filter(named: name) else { throw FilterCall.unknown(name) }
        let rest = arguments.dropping(1)
        return try items(value, interpreter).map { item in
          try interpreter.charge()
          return try interpreter.admit(interpreter.apply(filter, to: item, rest))
        }
      }(), of: value)
  }

  private static func select(
    _ filter: Filter, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    guard value.isTrue else { return iterator([], of: value) }
    let byAttribute = filter == .selectattr || filter == .rejectattr
    let wanted = filter == .select || filter == .selectattr
    return iterator(
      try {
        let attribute = byAttribute ? arguments.positional.first : nil
        if byAttribute, attribute == nil {
          throw TemplateError(.wrongValue, "missing parameter for attribute name")
        }
        var rest = arguments.dropping(byAttribute ? 1 : 0)
        let name = rest.positional.first
        let test = name?.text.flatMap(ValueTest.init(named:))
        if let name, test == nil { throw TestCall.unknown(name.printed.string) }
        rest = rest.dropping(1)
        return try items(value, interpreter).filter { item in
          try interpreter.charge()
          let operand = try attribute.map { try path($0, of: item, interpreter) } ?? item
          let passes = try test.map { try interpreter.test($0, operand, rest) } ?? operand.isTrue
          return passes == wanted
        }
      }(), of: value)
  }

  private static func cut(
    _ filter: Filter, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    let name = filter == .batch ? "linecount" : "slices"
    let fill = arguments.value(1, "fill_with").flatMap { $0.isNone ? nil : $0 }
    return iterator(
      try {
        let items = try items(value, interpreter)
        let count = try arguments.integer(0, name)
        try interpreter.chargeCopy(count > 0 ? count.multipliedReportingOverflow(by: 16).partialValue : 0)
        guard count <= interpreter.limits.outputBytes / 16 else {
          throw TemplateError(.limitExceeded, "'\(filter.rawValue)' makes too many parts")
        }
        return filter == .batch ? batches(items, count, fill) : try columns(items, count, fill)
      }(), of: value)
  }

  private static func batches(
    _ items: [TemplateValue], _ count: Int, _ fill: TemplateValue?
  ) -> [TemplateValue] {
    var rows: [TemplateValue] = []
    var row: [TemplateValue] = []
    for item in items {
      if row.count == count {
        rows.append(.list(row))
        row = []
      }
      row.append(item)
    }
    if !row.isEmpty {
      if let fill, row.count < count { row += Array(repeating: fill, count: count - row.count) }
      rows.append(.list(row))
    }
    return rows
  }

  private static func columns(
    _ items: [TemplateValue], _ count: Int, _ fill: TemplateValue?
  ) throws -> [TemplateValue] {
    guard count != 0 else { throw TemplateError(.wrongValue, "integer division or modulo by zero") }
    guard count > 0 else { return [] }
    var start = 0
    return (0..<count).map { index in
      let isLong = index < items.count % count
      let size = items.count / count + (isLong ? 1 : 0)
      var column = Array(items[start..<start + size])
      start += size
      if let fill, !isLong { column.append(fill) }
      return .list(column)
    }
  }
}
