extension Filters {
  static func mapping(
    _ filter: Filter, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    switch filter {
    case .default:
      let isReplaced = value.isUndefined || (arguments.flag(1, "boolean") && !value.isTrue)
      return isReplaced ? arguments.value(0, "default_value") ?? .string("") : value
    case .attr:
      let name = try arguments.text(0, "name").string
      if case .dictionary = value, try Methods.method(AttributeName(name), of: value) == nil {
        return .undefined(TemplateUndefined("'dict object' has no attribute '\(name)'"))
      }
      return value.isUndefined
        ? .undefined(TemplateUndefined("'Undefined' has no attribute '\(name)'"))
        : try interpreter.attribute(AttributeName(name), of: value)
    case .items:
      if value.isUndefined { return iterator([], of: value) }
      guard case .dictionary(let dictionary) = value else {
        throw TemplateError(.wrongType, "Can only get item pairs from a mapping.")
      }
      return iterator(dictionary.tuples, of: value)
    case .dictsort:
      if case .undefined(let undefined) = value { throw undefined.error }
      guard case .dictionary(let dictionary) = value else {
        throw TemplateError(.wrongType, "'\(value.typeName)' object has no attribute 'items'")
      }
      let isCaseSensitive = arguments.flag(0, "case_sensitive")
      let by = try arguments.text(1, "by", default: "key").string
      guard by == "key" || by == "value" else {
        throw TemplateError(.wrongValue, "You can only sort by either \"key\" or \"value\"")
      }
      let isReversed = arguments.flag(2, "reverse")
      try interpreter.charge(dictionary.count)
      let keyed = dictionary.pairs.map { pair in
        (key: folded(by == "value" ? pair.value : pair.key, isCaseSensitive), pair: pair)
      }
      let sorted = try keyed.sortedStably { left, right in
        isReversed ? try right.key.isLess(than: left.key) : try left.key.isLess(than: right.key)
      }
      return .list(sorted.map { .tuple([$0.pair.key, $0.pair.value]) })
    default: return try groups(value, arguments, interpreter)
    }
  }

  /// Pairs of a key and its items, sorted by key.
  private static func groups(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    let attribute = arguments.value(0, "attribute") ?? .none
    let isCaseSensitive = arguments.flag(2, "case_sensitive")
    let keyed = try items(value, interpreter).map { item in
      let found = try path(attribute, of: item, interpreter)
      let key = found.isUndefined ? arguments.value(1, "default") ?? found : found
      return (folded: folded(key, isCaseSensitive), key: key, item: item)
    }
    let sorted = try keyed.sortedStably { try $0.folded.isLess(than: $1.folded) }
    var groups: [(folded: TemplateValue, key: TemplateValue, items: [TemplateValue])] = []
    for (folded, key, item) in sorted {
      if let last = groups.last, last.folded.isEqual(to: folded) {
        groups[groups.count - 1].items.append(item)
      } else {
        groups.append((folded, key, [item]))
      }
    }
    return .list(groups.map { .list(TemplateList([$0.key, .list($0.items)], .group)) })
  }
}
