import Foundation

extension Interpreter {
  func apply(_ operation: UnaryOperator, to value: TemplateValue) throws -> TemplateValue {
    if operation == .not { return .bool(!value.isTrue) }
    if case .undefined(let undefined) = value { throw undefined.error }
    if let integer = value.integer {
      guard integer != .min || operation == .positive else { throw Self.overflow }
      return .int(operation == .negative ? -integer : integer)
    }
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
    if let left = left.integer, let right = right.integer { return try apply(operation, left, right) }
    if let left = left.number, let right = right.number { return .double(try apply(operation, left, right)) }
    switch (operation, left, right) {
    case (.add, .string(let first), .string(let second)):
      try chargeCopy(first.count + second.count)
      guard first.isMarkup || second.isMarkup else { return .string(first.followed(by: second)) }
      return .string(TemplateText.joined([first.escaped, second.escaped]).asMarkup(true))
    case (.add, .list(let first), .list(let second)) where first.isConcatenated(with: second):
      try chargeCopy((first.items.count + second.items.count) * 16)
      return .list(TemplateList(first.items + second.items, isTuple: first.isTuple))
    case (.multiply, .string(let text), _) where right.integer != nil:
      return try repeated(text, right.integer ?? 0)
    case (.multiply, _, .string(let text)) where left.integer != nil:
      return try repeated(text, left.integer ?? 0)
    case (.multiply, .list(let list), _) where right.integer != nil && list.isRepeatable:
      return try repeated(list, right.integer ?? 0)
    case (.multiply, _, .list(let list)) where left.integer != nil && list.isRepeatable:
      return try repeated(list, left.integer ?? 0)
    case (.add, .string, _), (.add, .list, _):
      let kind = left.typeName
      throw TemplateError(.wrongType, "can only concatenate \(kind) (not \"\(right.typeName)\") to \(kind)")
    default:
      throw TemplateError(
        .wrongType,
        "unsupported operand type(s) for \(operation.rawValue): '\(left.typeName)' and '\(right.typeName)'")
    }
  }

  private static let overflow = TemplateError(.limitExceeded, "an integer does not fit in 64 bits")

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

  private func apply(_ operation: BinaryOperator, _ left: Int, _ right: Int) throws -> TemplateValue {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case .add: result = left.addingReportingOverflow(right)
    case .subtract: result = left.subtractingReportingOverflow(right)
    case .multiply: result = left.multipliedReportingOverflow(by: right)
    case .divide:
      guard right != 0 else { throw TemplateError(.wrongValue, "division by zero") }
      return .double(Double(left) / Double(right))
    case .floorDivide:
      guard right != 0 else { throw TemplateError(.wrongValue, "integer division or modulo by zero") }
      result = left.dividedReportingOverflow(by: right)
      if !result.overflow, left % right != 0, (left < 0) != (right < 0) { return .int(result.partialValue - 1) }
    case .remainder:
      guard right != 0 else { throw TemplateError(.wrongValue, "integer division or modulo by zero") }
      let remainder = left.remainderReportingOverflow(dividingBy: right).partialValue
      return .int(remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder)
    case .power:
      guard right >= 0 else {
        guard left != 0 else { throw TemplateError(.wrongValue, "0.0 cannot be raised to a negative power") }
        return .double(pow(Double(left), Double(right)))
      }
      var power = 1
      for _ in 0..<min(right, 64) where left.magnitude > 1 {
        let product = power.multipliedReportingOverflow(by: left)
        guard !product.overflow else { throw Self.overflow }
        power = product.partialValue
      }
      if left.magnitude <= 1 { power = left == 0 ? (right == 0 ? 1 : 0) : (left == 1 || right % 2 == 0 ? 1 : -1) }
      return .int(power)
    case .and, .or: return .int(left)
    }
    guard !result.overflow else { throw Self.overflow }
    return .int(result.partialValue)
  }

  private func apply(_ operation: BinaryOperator, _ left: Double, _ right: Double) throws -> Double {
    if right == 0, [.divide, .floorDivide, .remainder].contains(operation) {
      throw TemplateError(.wrongValue, "float division by zero")
    }
    switch operation {
    case .add: return left + right
    case .subtract: return left - right
    case .multiply: return left * right
    case .divide: return left / right
    case .floorDivide: return Self.divided(left, right).quotient
    case .remainder: return Self.divided(left, right).remainder
    case .power:
      if left == 0, right < 0 { throw TemplateError(.wrongValue, "0.0 cannot be raised to a negative power") }
      let power = pow(left, right)
      if power.isNaN, !left.isNaN, !right.isNaN {
        throw TemplateError(.wrongValue, "a negative number has no real power of \(right.pythonRepresentation)")
      }
      if power.isInfinite, left.isFinite, right.isFinite {
        throw TemplateError(.limitExceeded, "Numerical result out of range")
      }
      return power
    case .and, .or: return left
    }
  }

  /// Python's `divmod` of floating-point numbers.
  private static func divided(_ left: Double, _ right: Double) -> (quotient: Double, remainder: Double) {
    var remainder = fmod(left, right)
    var quotient = (left - remainder) / right
    if remainder != 0 {
      if (right < 0) != (remainder < 0) {
        remainder += right
        quotient -= 1
      }
    } else {
      remainder = Double(signOf: right, magnitudeOf: 0)
    }
    guard quotient != 0 else { return (Double(signOf: left / right, magnitudeOf: 0), remainder) }
    let floor = quotient.rounded(.down)
    return (quotient - floor > 0.5 ? floor + 1 : floor, remainder)
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
