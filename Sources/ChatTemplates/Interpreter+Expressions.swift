extension Interpreter {
  /// The value of an expression in a scope.
  func evaluate(_ expression: Expression, in scope: Scope) throws -> TemplateValue {
    switch expression.kind {
    case .constant(let value): return value
    case .name(let symbol): return lookUp(symbol, in: scope)
    default:
      try enter()
      defer { leave() }
      do {
        return try evaluateCompound(expression, in: scope)
      } catch let error as TemplateError {
        throw error.at(line: expression.line)
      }
    }
  }

  private func lookUp(_ symbol: Symbol, in scope: Scope) -> TemplateValue {
    if let value = scope.lookUp(symbol) ?? program.globals[symbol] { return value }
    return .undefined(TemplateUndefined("'\(program.symbols.names[symbol])' is undefined"))
  }

  private func evaluateCompound(_ expression: Expression, in scope: Scope) throws -> TemplateValue {
    switch expression.kind {
    case .constant, .name: return try evaluate(expression, in: scope)
    case .list(let items): return try admit(.list(items.map { try evaluate($0, in: scope) }))
    case .tuple(let items): return try admit(.tuple(items.map { try evaluate($0, in: scope) }))
    case .dictionary(let pairs): return try admit(evaluate(pairs, in: scope))
    case .attribute(let object, let name): return try attribute(name, of: evaluate(object, in: scope))
    case .item(let object, let index):
      let object = try evaluate(object, in: scope)
      return try item(evaluate(index, in: scope), of: object)
    case .slice(let object, let start, let stop, let step):
      let object = try evaluate(object, in: scope)
      func bound(_ expression: Expression?) throws -> TemplateValue {
        try expression.map { try evaluate($0, in: scope) } ?? .none
      }
      return try admit(slice(object, bound(start), bound(stop), bound(step)))
    case .call: return try evaluateCall(expression, in: scope, caller: nil)
    case .filter(let operand, let filter):
      return try admit(apply(filter, to: evaluate(operand, in: scope), in: scope))
    case .test(let operand, let call):
      let value = try evaluate(operand, in: scope)
      guard let test = call.test else { throw TestCall.unknown(call.name) }
      return .bool(try self.test(test, value, evaluate(call.arguments, in: scope)))
    case .unary(let operation, let operand): return try apply(operation, to: evaluate(operand, in: scope))
    case .binary(.and, let left, let right):
      let value = try evaluate(left, in: scope)
      return value.isTrue ? try evaluate(right, in: scope) : value
    case .binary(.or, let left, let right):
      let value = try evaluate(left, in: scope)
      return value.isTrue ? value : try evaluate(right, in: scope)
    case .binary(let operation, let left, let right):
      return try admit(apply(operation, evaluate(left, in: scope), evaluate(right, in: scope)))
    case .concatenation(let parts):
      var text = TemplateText()
      for part in parts { try write(evaluate(part, in: scope).printed, into: &text) }
      return .string(text)
    case .comparison(let first, let rest):
      var left = try evaluate(first, in: scope)
      for (operation, expression) in rest {
        let right = try evaluate(expression, in: scope)
        guard try compare(left, operation, right) else { return .bool(false) }
        left = right
      }
      return .bool(true)
    case .conditional(let test, let then, let otherwise):
      if try evaluate(test, in: scope).isTrue { return try evaluate(then, in: scope) }
      guard let otherwise else {
        return .undefined(
          TemplateUndefined("the inline if-expression evaluated to false and no else section was defined."))
      }
      return try evaluate(otherwise, in: scope)
    }
  }

  private func evaluate(
    _ pairs: [(key: Expression, value: Expression)], in scope: Scope
  ) throws -> TemplateValue {
    var dictionary = TemplateDictionary()
    for (keyExpression, valueExpression) in pairs {
      let key = try evaluate(keyExpression, in: scope)
      guard TemplateKey(key) != nil else {
        throw TemplateError(.wrongType, "unhashable type: '\(key.typeName)'")
      }
      dictionary[key] = try evaluate(valueExpression, in: scope)
    }
    return .dictionary(dictionary)
  }

  /// The values of written arguments, unpacked.
  func evaluate(_ arguments: Arguments, in scope: Scope) throws -> CallArguments {
    var result = CallArguments()
    if !arguments.positional.isEmpty {
      result.positional.reserveCapacity(arguments.positional.count)
      for expression in arguments.positional { result.positional.append(try evaluate(expression, in: scope)) }
    }
    for (name, expression) in arguments.named { result.named.append((name, try evaluate(expression, in: scope))) }
    if let list = arguments.unpackedList {
      result.positional += try items(of: evaluate(list, in: scope))
    }
    if let expression = arguments.unpackedDictionary {
      guard case .dictionary(let dictionary) = try evaluate(expression, in: scope) else {
        throw TemplateError(.wrongType, "argument after ** must be a mapping")
      }
      for (key, value) in dictionary.pairs {
        guard key.text != nil else { throw TemplateError(.wrongType, "keywords must be strings") }
        result.named.append((key.printed.string, value))
      }
    }
    return result
  }

  /// A call, with the `caller` of a call block where there is one.
  func evaluateCall(_ expression: Expression, in scope: Scope, caller: TemplateValue?) throws -> TemplateValue {
    guard case .call(let callee, let written) = expression.kind else { return try evaluate(expression, in: scope) }
    let function: TemplateValue
    if case .attribute(let object, let name) = callee.kind {
      let receiver = try evaluate(object, in: scope)
      // A method of a plain value needs no function object.
      if caller == nil, let result = try Methods.call(name, on: receiver, self, { try evaluate(written, in: scope) }) {
        return try admit(result)
      }
      function = try attribute(name, of: receiver)
    } else {
      function = try evaluate(callee, in: scope)
    }
    var arguments = try evaluate(written, in: scope)
    if let caller { arguments.named.append(("caller", caller)) }
    return try call(function, arguments)
  }

  func call(_ function: TemplateValue, _ arguments: CallArguments) throws -> TemplateValue {
    switch function {
    case .object(let object): return try admit(nested { try object.call(arguments, self) })
    case .undefined(let undefined): throw undefined.error
    default: throw TemplateError(.wrongType, "'\(function.typeName)' object is not callable")
    }
  }
}
