/// The methods of strings, lists and dictionaries that the sandbox lets a template call.
enum Methods {
  /// The method of a value, nil where its type has none of that name. A method that would change the value is
  /// undefined, and its call a `.security` error.
  static func method(_ name: String, of value: TemplateValue) throws -> TemplateValue? {
    switch value {
    case .string(let text):
      guard StringMethods.names.contains(name) else { return nil }
      return function(name) { try StringMethods.call(name, on: text, $0, $1) }
    case .list(let list):
      if !list.isTuple, mutatingListMethods.contains(name) { return hidden(name, value) }
      guard ["index", "count", "copy"].contains(name), !(list.isTuple && name == "copy") else { return nil }
      return function(name) { arguments, interpreter in
        try interpreter.charge(1 + list.items.count)
        return try call(name, on: list, arguments)
      }
    case .dictionary(let dictionary):
      if mutatingDictionaryMethods.contains(name) { return hidden(name, value) }
      guard ["get", "items", "keys", "values", "copy"].contains(name) else { return nil }
      return function(name) { arguments, _ in try call(name, on: dictionary, arguments) }
    default: return nil
    }
  }

  private static let mutatingListMethods: Set<String> = [
    "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove",
  ]
  private static let mutatingDictionaryMethods: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]

  private static func function(_ name: String, _ body: @escaping NativeFunction.Body) -> TemplateValue {
    .object(NativeFunction(name, body))
  }

  private static func hidden(_ name: String, _ value: TemplateValue) -> TemplateValue {
    .undefined(
      TemplateUndefined(
        "access to attribute '\(name)' of '\(value.typeName)' object is unsafe.", isHiddenBySandbox: true))
  }

  private static func call(
    _ name: String, on list: TemplateList, _ arguments: CallArguments
  ) throws -> TemplateValue {
    if name == "copy" { return .list(list) }
    guard let item = arguments.value(0, "value") else { throw TemplateError(.wrongType, "missing argument 'value'") }
    if name == "count" { return .int(list.items.count { $0.isEqual(to: item) }) }
    guard let index = list.items.firstIndex(where: { $0.isEqual(to: item) }) else {
      throw TemplateError(.wrongValue, "\(item.representation) is not in list")
    }
    return .int(index)
  }

  private static func call(
    _ name: String, on dictionary: TemplateDictionary, _ arguments: CallArguments
  ) throws -> TemplateValue {
    switch name {
    case "items": return .list(dictionary.pairs.map { .tuple([$0.key, $0.value]) })
    case "keys": return .list(dictionary.keys)
    case "values": return .list(dictionary.values)
    case "copy": return .dictionary(dictionary)
    default:
      guard let key = arguments.positional.first else {
        throw TemplateError(.wrongType, "get expected at least 1 argument, got 0")
      }
      return dictionary[key] ?? (arguments.positional.count > 1 ? arguments.positional[1] : .none)
    }
  }
}
