/// The functions every template can call.
enum Globals {
  /// The global of a name, nil where there is none.
  static func value(_ name: String) -> TemplateValue? { table[name].map { .object($0) } }

  private static let table: [String: NativeFunction] = {
    let functions = [
      NativeFunction("range", range),
      NativeFunction("namespace") { arguments, interpreter in
        .object(try interpreter.makeNamespace(dictionary(arguments)))
      },
      NativeFunction("dict") { arguments, _ in .dictionary(try dictionary(arguments)) },
      NativeFunction("raise_exception") { arguments, _ in
        throw TemplateError(.raisedByTemplate, arguments.value(0, "message")?.printed ?? "")
      },
      NativeFunction("strftime_now") { arguments, interpreter in
        .string(try interpreter.clock.text(arguments.text(0, "format")))
      },
      NativeFunction("joiner") { arguments, _ in .object(Joiner(try arguments.text(0, "sep", default: ", "))) },
      NativeFunction("cycler") { arguments, _ in
        guard !arguments.positional.isEmpty else {
          throw TemplateError(.wrongType, "at least one item has to be provided")
        }
        return .object(Cycler(arguments.positional))
      },
    ]
    return Dictionary(uniqueKeysWithValues: functions.map { ($0.name, $0) })
  }()

  private static func dictionary(_ arguments: CallArguments) throws -> TemplateDictionary {
    var result = TemplateDictionary()
    switch arguments.positional.first {
    case .dictionary(let first)?: result = first
    case .list(let list)?:
      for case .list(let pair) in list.items where pair.items.count == 2 { result[pair.items[0]] = pair.items[1] }
    case nil: break
    case let other?: throw TemplateError(.wrongType, "'\(other.typeName)' object is not iterable")
    }
    for (name, value) in arguments.named { result[.string(name)] = value }
    return result
  }

  private static func range(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    let count = arguments.positional.count
    let start = count > 1 ? try arguments.integer(0, "start") : 0
    let stop = try arguments.integer(count > 1 ? 1 : 0, "stop")
    let step = try arguments.integer(2, "step", default: 1)
    guard step != 0 else { throw TemplateError(.wrongValue, "range() arg 3 must not be zero") }
    let distance = (step > 0 ? Double(stop) - Double(start) : Double(start) - Double(stop)) / Double(step.magnitude)
    guard distance <= Double(TemplateLimits.maximumRange) else {
      throw TemplateError(
        .limitExceeded,
        "Range too big. The sandbox blocks ranges larger than MAX_RANGE (\(TemplateLimits.maximumRange)).")
    }
    return .list(stride(from: start, to: stop, by: step).map { .int($0) })
  }
}

/// The object of `joiner()`: empty at its first call, the separator after.
final class Joiner: TemplateObject, @unchecked Sendable {
  private let separator: String
  private var isUsed = false

  init(_ separator: String) { self.separator = separator }

  override var typeName: String { "Joiner" }
  override var isCallable: Bool { true }

  override func call(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    defer { isUsed = true }
    return .string(isUsed ? separator : "")
  }
}

/// The object of `cycler()`.
final class Cycler: TemplateObject, @unchecked Sendable {
  private let items: [TemplateValue]
  private var position = 0

  init(_ items: [TemplateValue]) { self.items = items }

  override var typeName: String { "Cycler" }

  override func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "current": items[position]
    case "next":
      .object(
        NativeFunction("next") { [self] _, _ in
          defer { position = (position + 1) % items.count }
          return items[position]
        })
    case "reset":
      .object(
        NativeFunction("reset") { [self] _, _ in
          position = 0
          return .none
        })
    default: nil
    }
  }
}
