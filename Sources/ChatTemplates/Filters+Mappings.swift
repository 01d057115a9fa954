extension Filters {
  static func mapping(
    _ name: String, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue? {
    switch name {
    case "default", "d":
      let isReplaced = value.isUndefined || (arguments.flag(1, "boolean") && !value.isTrue)
      return isReplaced ? arguments.value(0, "default_value") ?? .string("") : value
    case "attr":
      guard case .object(let object) = value else {
        let method = try Methods.method(arguments.text(0, "name"), of: value)
        return method ?? .undefined(TemplateUndefined("'\(value.typeName) object' has no such attribute"))
      }
      let attribute = try arguments.text(0, "name")
      return object.attribute(attribute) ?? .undefined(TemplateUndefined("no attribute '\(attribute)'"))
    case "items":
      if value.isUndefined { return .list([]) }
      guard case .dictionary(let dictionary) = value else {
        throw TemplateError(.wrongType, "Can only get item pairs from a mapping.")
      }
      return .list(dictionary.pairs.map { .tuple([$0.key, $0.value]) })
    case "dictsort":
      guard case .dictionary(let dictionary) = value else {
        throw TemplateError(.wrongType, "'\(value.typeName)' object has no attribute 'items'")
      }
      let isCaseSensitive = arguments.flag(0, "case_sensitive")
      let byValue = try arguments.text(1, "by", default: "key") == "value"
      let isReversed = arguments.flag(2, "reverse")
      let sorted = try dictionary.pairs.sortedStably { left, right in
        let first = folded(byValue ? left.value : left.key, isCaseSensitive)
        let second = folded(byValue ? right.value : right.key, isCaseSensitive)
        return isReversed ? try second.isLess(than: first) : try first.isLess(than: second)
      }
      return .list(sorted.map { .tuple([$0.key, $0.value]) })
    case "groupby": return try groups(value, arguments, interpreter)
    default: return nil
    }
  }

  /// Pairs of a key and its items, sorted by key.
  private static func groups(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    guard let attribute = arguments.value(0, "attribute") else {
      throw TemplateError(.wrongType, "groupby needs an attribute")
    }
    let isCaseSensitive = arguments.flag(2, "case_sensitive")
    let keyed = try items(value, interpreter).map { item in
      let found = try path(attribute, of: item, interpreter)
      return (key: found.isUndefined ? arguments.value(1, "default") ?? found : found, item: item)
    }
    let sorted = try keyed.sortedStably {
      try folded($0.key, isCaseSensitive).isLess(than: folded($1.key, isCaseSensitive))
    }
    var groups: [(key: TemplateValue, items: [TemplateValue])] = []
    for (key, item) in sorted {
      if let last = groups.last, folded(last.key, isCaseSensitive).isEqual(to: folded(key, isCaseSensitive)) {
        groups[groups.count - 1].items.append(item)
      } else {
        groups.append((key, [item]))
      }
    }
    return .list(groups.map { .tuple([$0.key, .list($0.items)]) })
  }
}
