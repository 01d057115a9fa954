/// The methods of strings, lists, dictionaries and numbers that the sandbox lets a template call.
enum Methods {
  /// The method of a value, nil where its type has none of that name. A method that would change the value is
  /// undefined, and its call a `.security` error.
  static func method(_ name: AttributeName, of value: TemplateValue) throws -> TemplateValue? {
    switch value {
    case .string(let text):
      guard let method = name.stringMethod else { return nil }
      return function(name) { try method.call(on: text, $0, $1) }
    case .list(let list):
      if list.kind == .list, name.changesList { return hidden(name, value) }
      if list.kind == .group {
        if name.name == "grouper" { return list.items[0] }
        if name.name == "list" { return list.items[1] }
      }
      guard has(name, list) else { return nil }
      return function(name, depth: value.depth) { try call(name, on: list, $0, $1) }
    case .dictionary(let dictionary):
      if name.changesDictionary { return hidden(name, value) }
      guard name.isDictionaryMethod else { return nil }
      return function(name, depth: value.depth) { try call(name, on: dictionary, $0, $1) }
    case .bool, .int, .bigInteger, .double: return number(name, value)
    default: return nil
    }
  }

  /// The result of calling a method at once, nil where the value's type has none of that name.
  static func call(
    _ name: AttributeName, on value: TemplateValue, _ interpreter: Interpreter,
    _ arguments: () throws -> CallArguments
  ) throws -> TemplateValue? {
    switch value {
    case .string(let text):
      guard let method = name.stringMethod else { return nil }
      return try method.call(on: text, arguments(), interpreter)
    case .dictionary(let dictionary) where name.isDictionaryMethod:
      return try call(name, on: dictionary, arguments(), interpreter)
    default: return nil
    }
  }

  private static func has(_ name: AttributeName, _ list: TemplateList) -> Bool {
    switch name.name {
    case "index", "count": list.isIndexed
    case "copy": list.kind == .list
    default: false
    }
  }

  private static func function(
    _ name: AttributeName, depth: Int32 = 0, _ body: @escaping NativeFunction.Body
  ) -> TemplateValue {
    .object(NativeFunction(name.name, depth: depth, body))
  }

  private static func hidden(_ name: AttributeName, _ value: TemplateValue) -> TemplateValue {
    .undefined(
      TemplateUndefined(
        "access to attribute '\(name.name)' of '\(value.typeName)' object is unsafe.", isHiddenBySandbox: true))
  }

  private static func call(
    _ name: AttributeName, on list: TemplateList, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    try interpreter.charge(1 + list.items.count)
    if name.name == "copy" {
      try Signature("/").check(arguments, name.name)
      return .list(list)
    }
    try Signature(name.name == "count" ? "/ value" : "/ value start? stop?").check(arguments, name.name)
    let item = arguments.positional[0]
    if name.name == "count" { return .int(list.items.count { $0.isEqual(to: item) }) }
    let count = list.items.count
    func bound(_ position: Int, _ standard: Int) throws -> Int {
      let index = try arguments.integer(position, "start", default: standard)
      return max(0, min(count, index < 0 ? index.advancedSafely(by: count) : index))
    }
    let (start, stop) = (try bound(1, 0), try bound(2, count))
    guard start < stop, let index = list.items[start..<stop].firstIndex(where: { $0.isEqual(to: item) }) else {
      throw TemplateError(.wrongValue, "\(item.representation.string) is not in list")
    }
    return .int(index)
  }

  private static func call(
    _ name: AttributeName, on dictionary: TemplateDictionary, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    switch name.name {
    case "get":
      guard arguments.named.isEmpty, (1...2).contains(arguments.positional.count) else {
        throw TemplateError(.wrongType, "get expected 1 or 2 arguments, got \(arguments.positional.count)")
      }
      let key = arguments.positional[0]
      if let found = dictionary[key] { return found }
      guard TemplateKey(key) != nil else { throw TemplateError(.wrongType, "unhashable type: '\(key.typeName)'") }
      return arguments.positional.count > 1 ? arguments.positional[1] : .none
    case "fromkeys": return try DictionaryType.fromKeys(arguments, interpreter)
    default: break
    }
    guard arguments.positional.isEmpty, arguments.named.isEmpty else {
      throw TemplateError(.wrongType, "dict.\(name.name)() takes no arguments")
    }
    try interpreter.charge(1 + dictionary.count / 16)
    switch name.name {
    case "items": return .list(TemplateList(dictionary.tuples, .pairs))
    case "keys": return .list(TemplateList(dictionary.keys, .keys))
    case "values": return .list(TemplateList(dictionary.values, .values))
    default: return .dictionary(dictionary)
    }
  }

  private static func number(_ name: AttributeName, _ value: TemplateValue) -> TemplateValue? {
    switch (name.name, value) {
    case ("real", .double): value
    case ("imag", .double): .double(0)
    case ("is_integer", .double(let number)):
      function(name) { _, _ in .bool(number.isFinite && number.rounded() == number) }
    case ("real", _), ("numerator", _): value.wholeNumber.map { TemplateValue($0) }
    case ("imag", _): .int(0)
    case ("denominator", _): value.wholeNumber.map { _ in .int(1) }
    case ("bit_length", _):
      value.wholeNumber.map { integer in function(name) { _, _ in .int(integer.bitWidth) } }
    default: nil
    }
  }
}
