/// The tests of Jinja (`value is name`).
enum ValueTest: String, Sendable {
  case boolean, callable, defined, divisibleby, escaped, even, `false`, filter, float, integer, iterable, lower,
    mapping, none, number, odd, sameas, sequence, string, test, `true`, undefined, upper
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case `in`

  /// The test of a name or of one of its other names.
  init?(named name: String) {
    switch name {
    case "eq", "equalto": self = .equal
    case "ne": self = .notEqual
    case "lt", "lessthan": self = .less
    case "le": self = .lessOrEqual
    case "gt", "greaterthan": self = .greater
    case "ge": self = .greaterOrEqual
    default: self.init(rawValue: name)
    }
  }

  /// The comparison it makes, nil where it makes none.
  fileprivate var comparison: ComparisonOperator? { ComparisonOperator(rawValue: rawValue) }

  /// How many arguments it takes.
  fileprivate var argumentCount: Int {
    comparison != nil || self == .divisibleby || self == .sameas ? 1 : 0
  }
}

extension TestCall {
  static func unknown(_ name: String) -> TemplateError {
    TemplateError(.unsupported, "No test named '\(name)'.")
  }
}

extension Interpreter {
  /// Whether a value passes a test.
  func test(_ test: ValueTest, _ value: TemplateValue, _ arguments: CallArguments) throws -> Bool {
    let given = arguments.positional + arguments.named.map(\.value)
    guard given.count == test.argumentCount else {
      throw TemplateError(
        .wrongType, "test '\(test.rawValue)' takes \(test.argumentCount) arguments but \(given.count) were given")
    }
    if let comparison = test.comparison { return try compare(value, comparison, given[0]) }
    switch test {
    case .odd, .even, .divisibleby:
      let remainder = try apply(.remainder, value, test == .divisibleby ? given[0] : .int(2))
      return remainder.isEqual(to: .int(test == .odd ? 1 : 0))
    case .sameas: return isSame(value, given[0])
    case .lower, .upper:
      let text = value.printed.string
      try charge(text.utf8.count / 16)
      return ScalarClasses.holds(test == .lower ? .islower : .isupper, text) ?? false
    case .filter: return value.text.map { Filter(named: $0) != nil } ?? false
    case .test: return value.text.map { ValueTest(named: $0) != nil } ?? false
    default: return testType(test, value)
    }
  }

  private func isSame(_ left: TemplateValue, _ right: TemplateValue) -> Bool {
    switch (left, right) {
    case (.undefined, _), (_, .undefined): false
    default: left.typeName == right.typeName && left.isEqual(to: right)
    }
  }

  private func testType(_ test: ValueTest, _ value: TemplateValue) -> Bool {
    switch (test, value) {
    case (.defined, _): !value.isUndefined
    case (.undefined, _): value.isUndefined
    case (.none, .none), (.boolean, .bool), (.integer, .int), (.integer, .bigInteger), (.float, .double),
      (.mapping, .dictionary),
      (.string, .string):
      true
    case (.number, _): value.number != nil
    case (.true, .bool(let flag)): flag
    case (.false, .bool(let flag)): !flag
    case (.iterable, .undefined), (.iterable, .string), (.iterable, .list), (.iterable, .dictionary): true
    case (.iterable, .object(let object)): object is IteratorObject || object is LoopState
    case (.sequence, .undefined), (.sequence, .string), (.sequence, .dictionary): true
    case (.sequence, .list(let list)): list.isIndexed
    case (.callable, .undefined): true
    case (.escaped, .string(let text)): text.isMarkup
    case (.callable, .object(let object)): object.isCallable
    default: false
    }
  }
}
