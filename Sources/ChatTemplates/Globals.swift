/// The functions every template can call.
enum Globals {
  /// The global of a name, nil where there is none.
  static func value(_ name: String) -> TemplateValue? { table[name].map { .object($0) } }

  private static let table: [String: TemplateObject] = [
    "range": NativeFunction("range", range),
    "namespace": NativeFunction("namespace") { arguments, interpreter in
      let values = try dictionary(arguments, interpreter)
      for case .string(let name) in values.keys { try Namespace.check(name.string) }
      return .object(try interpreter.makeNamespace(values))
    },
    "dict": DictionaryType(),
    "raise_exception": NativeFunction("raise_exception") { arguments, _ in
      try Signature("message").check(arguments, "raise_exception")
      throw TemplateError(.raisedByTemplate, arguments.value(0, "message")?.printed.string ?? "")
    },
    "strftime_now": NativeFunction("strftime_now") { arguments, interpreter in
      try Signature("format").check(arguments, "strftime_now")
      return .string(try interpreter.clock.text(arguments.text(0, "format").string))
    },
    "joiner": NativeFunction("joiner") { arguments, _ in
      try Signature("sep?").check(arguments, "joiner")
      return .object(Joiner(arguments.value(0, "sep") ?? .string(", ")))
    },
    "cycler": NativeFunction("cycler") { arguments, _ in
      guard !arguments.positional.isEmpty, arguments.named.isEmpty else {
        throw TemplateError(.wrongValue, "at least one item has to be provided")
      }
      return .object(Cycler(arguments.positional))
    },
  ]

  /// What Python's `dict(…)` makes of its arguments.
  static func dictionary(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateDictionary {
    var result = TemplateDictionary()
    guard arguments.positional.count < 2 else {
      throw TemplateError(.wrongType, "dict expected at most 1 argument, got \(arguments.positional.count)")
    }
    switch arguments.positional.first {
    case .dictionary(let first)?: result = first
    case .object(let namespace as Namespace)?: result = namespace.values
    case let pairs?:
      for pair in try interpreter.items(of: pairs) {
        let parts = try interpreter.items(of: pair)
        guard parts.count == 2 else {
          throw TemplateError(
            .wrongValue, "dictionary update sequence element has length \(parts.count); 2 is required")
        }
        guard TemplateKey(parts[0]) != nil else {
          throw TemplateError(.wrongType, "unhashable type: '\(parts[0].typeName)'")
        }
        result[parts[0]] = parts[1]
      }
    case nil: break
    }
    for (name, value) in arguments.named { result[.string(name)] = value }
    return result
  }

  private static func range(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    try Signature("/ start stop? step?").check(arguments, "range")
    let count = arguments.positional.count
    let start = count > 1 ? try arguments.integer(0, "start") : 0
    let stop = try arguments.integer(count > 1 ? 1 : 0, "stop")
    let step = try arguments.integer(2, "step", default: 1)
    return .list(try range(start, stop, step, interpreter))
  }

  static func range(_ start: Int, _ stop: Int, _ step: Int, _ interpreter: Interpreter) throws -> TemplateList {
    guard step != 0 else { throw TemplateError(.wrongValue, "range() arg 3 must not be zero") }
    let distance = (step > 0 ? Double(stop) - Double(start) : Double(start) - Double(stop)) / Double(step.magnitude)
    guard distance <= Double(TemplateLimits.maximumRange) else {
      throw TemplateError(
        .limitExceeded,
        "Range too big. The sandbox blocks ranges larger than MAX_RANGE (\(TemplateLimits.maximumRange)).")
    }
    try interpreter.charge(1 + max(0, Int(distance)) / 16)
    return TemplateList(
      stride(from: start, to: stop, by: step).map { .int($0) }, .range,
      bounds: TemplateList.Bounds(start: start, stop: stop, step: step))
  }
}

/// `dict`, as the chat renderer defines it.
final class DictionaryType: TemplateObject, @unchecked Sendable {
  override var typeName: String { "TemplateDict" }
  override var isCallable: Bool { true }

  override func attribute(_ name: String) -> TemplateValue? {
    name == "fromkeys" ? .object(NativeFunction("fromkeys", Self.fromKeys)) : nil
  }

  override func call(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    .dictionary(try Globals.dictionary(arguments, interpreter))
  }

  static func fromKeys(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    try Signature("/ iterable value?").check(arguments, "fromkeys")
    var result = TemplateDictionary()
    for key in try interpreter.items(of: arguments.positional[0]) {
      guard TemplateKey(key) != nil else { throw TemplateError(.wrongType, "unhashable type: '\(key.typeName)'") }
      result[key] = arguments.positional.count > 1 ? arguments.positional[1] : TemplateValue.none
    }
    return .dictionary(result)
  }
}
