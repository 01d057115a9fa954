/// A macro with the scope it was defined in.
final class Macro: TemplateObject, @unchecked Sendable {
  private let definition: MacroDefinition
  private let scope: Scope

  init(_ definition: MacroDefinition, _ scope: Scope) {
    self.definition = definition
    self.scope = scope
  }

  override var typeName: String { "Macro" }
  override var isCallable: Bool { true }

  override func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "name": .string(definition.name)
    case "arguments": .tuple(definition.parameters.map { .string($0) })
    default: nil
    }
  }

  override func call(_ arguments: CallArguments, _ interpreter: Interpreter) throws -> TemplateValue {
    let inner = Scope(parent: scope)
    let parameters = definition.parameters
    inner.variables["varargs"] = .tuple(Array(arguments.positional.dropFirst(parameters.count)))
    inner.variables["caller"] = .undefined(TemplateUndefined("No caller defined"))
    for (name, value) in zip(parameters, arguments.positional) { inner.variables[name] = value }
    var rest = TemplateDictionary()
    for (name, value) in arguments.named {
      if name == "caller" || parameters.contains(name) {
        inner.variables[name] = value
      } else {
        rest[.string(name)] = value
      }
    }
    inner.variables["kwargs"] = .dictionary(rest)
    let firstDefault = parameters.count - definition.defaults.count
    for (index, name) in parameters.enumerated() where index >= arguments.positional.count {
      guard !arguments.named.contains(where: { $0.name == name }) else { continue }
      inner.variables[name] =
        index >= firstDefault
        ? try interpreter.evaluate(definition.defaults[index - firstDefault], in: inner)
        : .undefined(TemplateUndefined("parameter '\(name)' was not provided"))
    }
    var output = ""
    _ = try interpreter.run(definition.body, in: inner, into: &output)
    return .string(output)
  }
}
