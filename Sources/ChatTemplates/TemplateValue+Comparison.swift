extension TemplateValue {
  /// Python's `==`.
  func isEqual(to other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): true
    case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
    case (.list(let left), .list(let right)):
      left.isTuple == right.isTuple && left.items.count == right.items.count
        && zip(left.items, right.items).allSatisfy { $0.isEqual(to: $1) }
    case (.dictionary(let left), .dictionary(let right)):
      left.count == right.count && left.pairs.allSatisfy { right[$0.key]?.isEqual(to: $0.value) ?? false }
    case (.object(let left), .object(let right)): left === right
    default:
      if let left = integer, let right = other.integer {
        left == right
      } else if let left = number, let right = other.number {
        left == right
      } else {
        false
      }
    }
  }

  /// Python's `<`; throws `.wrongType` where the types have no order.
  func isLess(than other: TemplateValue) throws -> Bool {
    switch (self, other) {
    case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw undefined.error
    case (.string(let left), .string(let right)): return left.utf8.lexicographicallyPrecedes(right.utf8)
    case (.list(let left), .list(let right)) where left.isTuple == right.isTuple:
      for (leftItem, rightItem) in zip(left.items, right.items) where !leftItem.isEqual(to: rightItem) {
        return try leftItem.isLess(than: rightItem)
      }
      return left.items.count < right.items.count
    default:
      if let left = integer, let right = other.integer { return left < right }
      if let left = number, let right = other.number { return left < right }
      throw TemplateError(
        .wrongType, "'<' not supported between instances of '\(typeName)' and '\(other.typeName)'")
    }
  }
}
