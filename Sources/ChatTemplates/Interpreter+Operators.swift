extension Interpreter {
  func apply(_ operation: UnaryOperator, to value: TemplateValue) throws -> TemplateValue {
    if operation == .not { return .bool(!value.isTrue) }
    if case .undefined(let undefined) = value { throw undefined.error }
    if let integer = value.wholeNumber { return TemplateValue(operation == .negative ? -integer : integer) }
    guard let number = value.number else {
      throw TemplateError(.wrongType, "bad operand type for unary operator: '\(value.typeName)'")
    }
    return .double(operation == .negative ? -number : number)
  }

  func apply(_ operation: BinaryOperator, _ left: TemplateValue, _ right: TemplateValue) throws -> TemplateValue {
    if case .undefined(let undefined) = left { throw undefined.error }
    if operation == .remainder, case .string(let format) = left {
      let operand = format.isMarkup ? right.escapedItems : right
      let text = try PrintfFormat.format(format, operand, limit: limits.outputBytes)
      return .string(text.asMarkup(format.isMarkup))
    }
    if case .undefined(let undefined) = right { throw undefined.error }
    if let result = try calculate(operation, left, right) { return result }
    switch (operation, left, right) {
    case (.add, .string(let first), .string(let second)):
      try chargeCopy(first.count + second.count)
      guard first.isMarkup || second.isMarkup else { return .string(first.followed(by: second)) }
      return .string(TemplateText.joined([first.escaped, second.escaped]).asMarkup(true))
    case (.add, .list(let first), .list(let second)) where first.isConcatenated(with: second):
      try chargeCopy((first.items.count + second.items.count) * 16)
      return .list(TemplateList(first.items + second.items, isTuple: first.isTuple))
    case (.multiply, .string(let text), _) where right.position != nil:
      return try repeated(text, right.position ?? 0)
    case (.multiply, _, .string(let text)) where left.position != nil:
      return try repeated(text, left.position ?? 0)
    case (.multiply, .list(let list), _) where right.position != nil && list.isRepeatable:
      return try repeated(list, right.position ?? 0)
    case (.multiply, _, .list(let list)) where left.position != nil && list.isRepeatable:
      return try repeated(list, left.position ?? 0)
    case (.add, .string, _), (.add, .list, _):
      let kind = left.typeName
      throw TemplateError(.wrongType, "can only concatenate \(kind) (not \"\(right.typeName)\") to \(kind)")
    default:
      throw TemplateError(
        .wrongType,
        "unsupported operand type(s) for \(operation.rawValue): '\(left.typeName)' and '\(right.typeName)'")
    }
  }

  private func repeated(_ text: TemplateText, _ count: Int) throws -> TemplateValue {
    let (size, overflow) = text.count.multipliedReportingOverflow(by: max(0, count))
    try chargeCopy(overflow ? .max : size)
    return .string(text.repeated(count).asMarkup(text.isMarkup))
  }

  private func repeated(_ list: TemplateList, _ count: Int) throws -> TemplateValue {
    let (size, overflow) = list.items.count.multipliedReportingOverflow(by: max(0, count))
    guard !overflow, size <= limits.outputBytes / 16 else { try chargeCopy(.max); return .none }
    try chargeCopy(size * 16)
    guard size > 0 else { return .list(TemplateList([], isTuple: list.isTuple)) }
    return .list(TemplateList(Array(repeatElement(list.items, count: count).joined()), isTuple: list.isTuple))
  }

  func compare(_ left: TemplateValue, _ operation: ComparisonOperator, _ right: TemplateValue) throws -> Bool {
    try charge(min(left.weight, right.weight) / 64)
    switch operation {
    case .equal: return left.isEqual(to: right)
    case .notEqual: return !left.isEqual(to: right)
    case .less: return try left.isLess(than: right)
    case .greater: return try right.isLess(than: left)
    case .lessOrEqual: return try left.isLess(than: right) || left.isEqual(to: right)
    case .greaterOrEqual: return try right.isLess(than: left) || left.isEqual(to: right)
    case .in: return try contains(right, left)
    case .notIn: return try !contains(right, left)
    }
  }

  /// Python's `item in container`.
  func contains(_ container: TemplateValue, _ item: TemplateValue) throws -> Bool {
    switch container {
    case .string(let text):
      if case .undefined(let undefined) = item { throw undefined.error }
      guard let part = item.text else {
        throw TemplateError(
          .wrongType, "'in <string>' requires string as left operand, not \(item.typeName)")
      }
      try charge(1 + text.count / 64)
      return text.first(part) != nil
    case .list(let list):
      try charge(1 + list.items.count * (1 + item.weight / 64))
      return list.items.contains { $0.isEqual(to: item) }
    case .dictionary(let dictionary):
      guard TemplateKey(item) != nil else {
        throw TemplateError(.wrongType, "unhashable type: '\(item.typeName)'")
      }
      return dictionary[item] != nil
    case .undefined(let undefined):
      if undefined.isHiddenBySandbox { throw undefined.error }
      return false
    case .object(let iterator as IteratorObject):
      while let next = try iterator.next(self) { if next.isEqual(to: item) { return true } }
      return false
    default: throw TemplateError(.wrongType, "argument of type '\(container.typeName)' is not iterable")
    }
  }
}

extension TemplateValue {
  /// The value with the text a `Markup` format would escape escaped.
  fileprivate var escapedItems: TemplateValue {
    switch self {
    case .string(let text): .string(text.escaped)
    case .list(let list) where list.isTuple: .tuple(list.items.map(\.escapedItems))
    case .dictionary(let dictionary):
      .dictionary(TemplateDictionary(zip(dictionary.keys, dictionary.values).map { ($0, $1.escapedItems) }))
    case .list: .string(printed.escaped)
    default: self
    }
  }
}

extension TemplateList {
  /// Whether Python's `+` joins the two.
  fileprivate func isConcatenated(with other: TemplateList) -> Bool {
    (isTuple && other.isTuple) || (kind == .list && other.kind == .list)
  }

  /// Whether Python's `*` repeats it.
  fileprivate var isRepeatable: Bool { isTuple || kind == .list }
}
