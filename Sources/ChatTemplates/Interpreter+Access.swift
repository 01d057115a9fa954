extension Interpreter {
  /// `value.name`: a method first, then a key, as Jinja looks them up.
  func attribute(_ name: AttributeName, of value: TemplateValue) throws -> TemplateValue {
    if case .undefined(let undefined) = value { throw undefined.error }
    if case .object(let object) = value, let found = object.attribute(name.name) { return found }
    if let method = try Methods.method(name, of: value) { return method }
    if case .dictionary(let dictionary) = value, let found = dictionary.value(of: name.name, name.fingerprint) {
      return found
    }
    return missing(name.name, in: value)
  }

  /// `value[index]`: an item first, then a method.
  func item(_ index: TemplateValue, of value: TemplateValue) throws -> TemplateValue {
    switch value {
    case .undefined(let undefined): throw undefined.error
    case .dictionary(let dictionary):
      if let found = dictionary[index] { return found }
    case .list(let list):
      if list.isIndexed, let position = index.position, let found = position.resolved(in: list.items.count) {
        return list.items[found]
      }
    case .string(let text):
      if let position = index.position {
        try charge(1 + text.count / 64)
        let length = position < 0 ? text.string.scalarCount : text.count
        if let found = position.resolved(in: length) {
          let start = text.byteOffset(ofScalar: found)
          guard start < text.count else { break }
          return .string(text.slice(start..<text.byteOffset(ofScalar: 1, from: start)))
        }
      }
    default: break
    }
    guard let name = index.text else {
      return .undefined(TemplateUndefined("\(value.typeName) object has no element \(index.representation.string)"))
    }
    if case .object(let object) = value, let found = object.attribute(name) { return found }
    return try Methods.method(AttributeName(name), of: value) ?? missing(name, in: value)
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
  func slice(
    _ value: TemplateValue, _ start: TemplateValue, _ stop: TemplateValue, _ step: TemplateValue
  ) throws -> TemplateValue {
    func number(_ bound: TemplateValue) throws -> Int? {
      if bound.isNone { return nil }
      guard let integer = bound.position else {
        throw TemplateError(.wrongType, "slice indices must be integers or None")
      }
      return integer
    }
    func bounds() throws -> [Int?] { [try number(start), try number(stop), try number(step)] }
    switch value {
    case .undefined(let undefined): throw undefined.error
    case .list(let list) where list.isIndexed:
      let items = try sliced(list.items, bounds())
      guard let range = list.bounds else { return .list(TemplateList(items, isTuple: list.isTuple)) }
      // A part of a range is a range: its step is the product, its stop lies one step after its last item.
      let width = range.step.multipliedReportingOverflow(by: try number(step) ?? 1).partialValue
      let first = items.first?.integer ?? range.start
      let last = items.last?.integer.map { $0.advancedSafely(by: width) } ?? first
      return .list(
        TemplateList(items, .range, bounds: TemplateList.Bounds(start: first, stop: last, step: width)))
    case .string(let text):
      try charge(1 + text.count / 16)
      let bounds = try bounds()
      guard bounds[2] ?? 1 == 1 else {
        return .string(TemplateText.joined(try sliced(characters(of: text), bounds)).asMarkup(text.isMarkup))
      }
      return .string(text.scalarSlice(bounds[0], bounds[1]))
    case .dictionary: throw TemplateError(.wrongType, "unhashable type: 'slice'")
    default: return .undefined(TemplateUndefined("\(value.typeName) object has no element slice"))
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
