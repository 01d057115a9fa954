/// A macro with the scope it was defined in.
final class Macro: TemplateObject, @unchecked Sendable {
  private let definition: MacroDefinition
  private let scope: Scope

  init(_ definition: MacroDefinition, _ scope: Scope) {
    self.definition = definition
    self.scope = scope
  }

  override var typeName: String { "Macro" }
  override var printed: String { "<Macro '\(definition.name)'>" }
  override var isCallable: Bool { true }

  override func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "name": .string(definition.name)
    case "arguments": .tuple(definition.parameters.map { .string($0.name) })
    case "catch_varargs": .bool(definition.usesPositional)
    case "catch_kwargs": .bool(definition.usesNamed)
    case "caller": .bool(definition.usesCaller)
    default: nil
    }
  }

  override func call(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    let inner = Scope(parent: scope)
    let parameters = definition.parameters
    let count = arguments.positional.count
    var given = Set<Symbol>()
    for (parameter, value) in zip(parameters, arguments.positional) {
      inner.set(parameter.symbol, value)
      given.insert(parameter.symbol)
    }
    var rest = TemplateDictionary()
    var caller: TemplateValue?
    for (name, value) in arguments.named {
      if let parameter = parameters.first(where: { $0.name == name }) {
        guard given.insert(parameter.symbol).inserted else {
          throw failure("got multiple values for argument '\(name)'")
        }
        inner.set(parameter.symbol, value)
      } else if name == "caller" {
        caller = value
      } else {
        guard definition.usesNamed else { throw failure("takes no keyword argument '\(name)'") }
        rest[.string(name)] = value
      }
    }
    if definition.usesCaller {
      if !parameters.contains(where: { $0.symbol == SymbolTable.caller }) {
        inner.set(SymbolTable.caller, caller ?? .undefined(TemplateUndefined("No caller defined")))
      }
    } else if caller != nil {
      throw failure("was invoked with two values for the special caller argument. This is most likely a bug.")
    }
    if definition.usesNamed { inner.set(SymbolTable.named, .dictionary(rest)) }
    if definition.usesPositional {
      inner.set(SymbolTable.positional, .tuple(Array(arguments.positional.dropFirst(parameters.count))))
    } else if count > parameters.count {
      throw failure("takes not more than \(parameters.count) argument(s)")
    }
    try setDefaults(in: inner, given, interpreter)
    var output = TemplateText()
    _ = try interpreter.run(definition.body, in: inner, into: &output)
    return .string(output)
  }

  private func setDefaults(in scope: Scope, _ given: Set<Symbol>, _ interpreter: Interpreter) throws {
    let parameters = definition.parameters
    let first = parameters.count - definition.defaults.count
    for (index, parameter) in parameters.enumerated() where !given.contains(parameter.symbol) {
      let value: TemplateValue =
        index >= first
        ? try interpreter.evaluate(definition.defaults[index - first], in: scope)
        : .undefined(TemplateUndefined("parameter '\(parameter.name)' was not provided"))
      scope.set(parameter.symbol, value)
    }
  }

  private func failure(_ what: String) -> TemplateError {
    TemplateError(.wrongType, "macro '\(definition.name)' \(what)")
  }
}
