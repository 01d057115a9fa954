extension TemplateValue {
  /// Python's `==`.
  func isEqual(to other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): true
    case (.string(let left), .string(let right)): left.string.hasSameScalars(as: right.string)
    case (.list(let left), .list(let right)):
      left.typeName == right.typeName && left.items.count == right.items.count
        && zip(left.items, right.items).allSatisfy { $0.isEqual(to: $1) }
    case (.dictionary(let left), .dictionary(let right)):
      left.count == right.count
        && zip(left.keys, left.values).allSatisfy { right[$0]?.isEqual(to: $1) ?? false }
    case (.object(let left), .object(let right)): left === right
    default:
      number != nil && other.number != nil && numericOrder(to: other) == 0
    }
  }

  /// Python's `<`; throws `.wrongType` where the types have no order.
  func isLess(than other: TemplateValue) throws -> Bool {
    switch (self, other) {
    case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw undefined.error
    case (.string(let left), .string(let right)): return left.string.utf8.lexicographicallyPrecedes(right.string.utf8)
    case (.list(let left), .list(let right)) where left.typeName == right.typeName && left.isOrdered:
      for (leftItem, rightItem) in zip(left.items, right.items) where !leftItem.isEqual(to: rightItem) {
        return try leftItem.isLess(than: rightItem)
      }
      return left.items.count < right.items.count
    default:
      if number != nil, other.number != nil { return numericOrder(to: other) == -1 }
      throw TemplateError(
        .wrongType, "'<' not supported between instances of '\(typeName)' and '\(other.typeName)'")
    }
  }

  /// -1, 0 or 1 as the number is below, equal to or above another; nil where one is no number or not a number.
  private func numericOrder(to other: TemplateValue) -> Int? {
    func order<Value: Comparable>(_ left: Value, _ right: Value) -> Int { left < right ? -1 : left == right ? 0 : 1 }
    if let left = integer, let right = other.integer { return order(left, right) }
    if let left = wholeNumber, let right = other.wholeNumber { return order(left, right) }
    guard let left = number, let right = other.number, !left.isNaN, !right.isNaN else { return nil }
    guard left == right else { return order(left, right) }
    // An integer that a floating-point number cannot hold rounds to it: compare what was lost.
    guard let exact = BigInteger(left) else {
      let isInside = (wholeNumber != nil, other.wholeNumber != nil)
      return isInside.0 == isInside.1 ? 0 : (isInside.0 == (left > 0) ? -1 : 1)
    }
    return order(wholeNumber ?? exact, other.wholeNumber ?? exact)
  }
}

extension TemplateList {
  /// The name of the Python type.
  fileprivate var typeName: String { isTuple ? "tuple" : kind.rawValue }

  /// Whether Python orders such sequences.
  fileprivate var isOrdered: Bool { isTuple || kind == .list }
}
