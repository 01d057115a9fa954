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
      if let left = integer, let right = other.integer {
        left == right
      } else if let left = number, let right = other.number {
        left == right && Self.isExact(self, right) && Self.isExact(other, left)
      } else {
        false
      }
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
      if let left = integer, let right = other.integer { return left < right }
      if let left = number, let right = other.number {
        if left == right {
          // An integer that a floating-point number cannot hold rounds to `left`: compare what was lost.
          if let exact = Int(exactly: left) { return (integer ?? exact) < (other.integer ?? exact) }
        }
        return left < right
      }
      throw TemplateError(
        .wrongType, "'<' not supported between instances of '\(typeName)' and '\(other.typeName)'")
    }
  }

  /// Whether an integer is a floating-point number exactly; true for what is no integer.
  private static func isExact(_ value: TemplateValue, _ number: Double) -> Bool {
    guard let integer = value.integer else { return true }
    return Int(exactly: number) == integer
  }
}

extension TemplateList {
  /// The name of the Python type.
  fileprivate var typeName: String { isTuple ? "tuple" : kind.rawValue }

  /// Whether Python orders such sequences.
  fileprivate var isOrdered: Bool { isTuple || kind == .list }
}
