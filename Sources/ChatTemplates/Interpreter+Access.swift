extension Interpreter {
  /// `value.name`: a method first, then a key, as Jinja looks them up.
  func attribute(_ name: String, of value: TemplateValue) throws -> TemplateValue {
    if case .undefined(let undefined) = value { throw undefined.error }
    if case .object(let object) = value, let found = object.attribute(name) { return found }
    if let method = try Methods.method(name, of: value) { return method }
    if case .dictionary(let dictionary) = value, let found = dictionary[.string(name)] { return found }
    return missing(name, in: value)
  }

  /// `value[index]`: an item first, then a method.
  func item(_ index: TemplateValue, of value: TemplateValue) throws -> TemplateValue {
    switch value {
    case .undefined(let undefined): throw undefined.error
    case .dictionary(let dictionary):
      if let found = dictionary[index] { return found }
    case .list(let list):
      if let position = index.integer, let found = position.resolved(in: list.items.count) {
        return list.items[found]
      }
    case .string(let text):
      if let position = index.integer {
        try charge(1 + text.utf8.count / 64)
        let scalars = text.unicodeScalars
        if position >= 0 {
          if let found = scalars.index(scalars.startIndex, offsetBy: position, limitedBy: scalars.endIndex),
            found < scalars.endIndex
          {
            return .string(String(scalars[found]))
          }
        } else if position >= -scalars.count {
          return .string(String(scalars[scalars.index(scalars.endIndex, offsetBy: position)]))
        }
      }
    default: break
    }
    guard let name = index.text else {
      return .undefined(TemplateUndefined("\(value.typeName) object has no element \(index.representation)"))
    }
    if case .object(let object) = value, let found = object.attribute(name) { return found }
    return try Methods.method(name, of: value) ?? missing(name, in: value)
  }

  private func missing(_ name: String, in value: TemplateValue) -> TemplateValue {
    if name.hasPrefix("__") {
      return .undefined(
        TemplateUndefined(
          "access to attribute '\(name)' of '\(value.typeName)' object is unsafe.", isHiddenBySandbox: true))
    }
    return .undefined(TemplateUndefined("'\(value.typeName) object' has no attribute '\(name)'"))
  }

  /// `value[start:stop:step]` with Python's rules.
  func slice(_ value: TemplateValue, _ bounds: [TemplateValue]) throws -> TemplateValue {
    let numbers = try bounds.map { bound -> Int? in
      if bound.isNone { return nil }
      guard let integer = bound.integer else {
        throw TemplateError(.wrongType, "slice indices must be integers or None")
      }
      return integer
    }
    switch value {
    case .undefined(let undefined): throw undefined.error
    case .list(let list):
      return .list(TemplateList(try sliced(list.items, numbers), isTuple: list.isTuple))
    case .string(let text):
      try charge(1 + text.utf8.count / 16)
      return .string(String(scalars: try sliced(Array(text.unicodeScalars), numbers)))
    default: throw TemplateError(.wrongType, "'\(value.typeName)' object is not subscriptable")
    }
  }

  private func sliced<Item>(_ items: [Item], _ bounds: [Int?]) throws -> [Item] {
    let step = bounds[2] ?? 1
    guard step != 0 else { throw TemplateError(.wrongValue, "slice step cannot be zero") }
    let count = items.count
    let lowest = step > 0 ? 0 : -1
    let highest = step > 0 ? count : count - 1
    func clamp(_ bound: Int) -> Int { max(lowest, min(highest, bound < 0 ? bound.advancedSafely(by: count) : bound)) }
    let start = bounds[0].map(clamp) ?? (step > 0 ? 0 : count - 1)
    let stop = bounds[1].map(clamp) ?? (step > 0 ? count : -1)
    if step == 1 { return start < stop ? Array(items[start..<stop]) : [] }
    var result: [Item] = []
    var index = start
    while step > 0 ? index < stop : index > stop {
      result.append(items[index])
      index = index.advancedSafely(by: step)
    }
    return result
  }
}

extension Int {
  /// The index from 0 that Python's index means, nil where it is out of range.
  func resolved(in count: Int) -> Int? {
    if self >= 0 { return self < count ? self : nil }
    return self >= -count ? self + count : nil
  }

  /// The sum, held at the ends of the range.
  func advancedSafely(by distance: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(distance)
    return overflow ? (distance > 0 ? .max : .min) : sum
  }
}
