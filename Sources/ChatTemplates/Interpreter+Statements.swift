extension Interpreter {
  /// How a statement ended.
  enum Flow {
    case normal
    case breakLoop
    case continueLoop
  }

  /// Runs statements in a scope, appending what they write.
  func run(_ statements: [Statement], in scope: Scope, into output: inout TemplateText) throws -> Flow {
    for statement in statements {
      let flow = try run(statement, in: scope, into: &output)
      guard case .normal = flow else { return flow }
    }
    return .normal
  }

  private func run(_ statement: Statement, in scope: Scope, into output: inout TemplateText) throws -> Flow {
    try enter()
    defer { leave() }
    do {
      switch statement.kind {
      case .text(let text): try write(text, into: &output)
      case .output(let expression):
        switch try evaluate(expression, in: scope) {
        case .string(let text): try write(text, into: &output)
        case let value: try write(value.printed, into: &output)
        }
      case .conditional(let branches, let otherwise):
        for branch in branches where try evaluate(branch.test, in: scope).isTrue {
          return try run(branch.body, in: scope, into: &output)
        }
        return try run(otherwise, in: scope, into: &output)
      case .loop(let loop): try run(loop, in: scope, into: &output)
      case .assignment(let target, let expression):
        try assign(try evaluate(expression, in: scope), to: target, in: scope)
      case .blockAssignment(let target, let filters, let body):
        try assign(try captureText(body, filters, in: scope), to: target, in: scope)
      case .filterBlock(let filters, let body):
        try write(try captureText(body, filters, in: scope).printed, into: &output)
      case .macro(let definition):
        capture(scope)
        scope.set(definition.symbol, .object(Macro(definition, scope)))
      case .callBlock(let call, let definition):
        capture(scope)
        let caller = TemplateValue.object(Macro(definition, scope))
        try write(try evaluateCall(call, in: scope, caller: caller).printed, into: &output)
      case .scope(let assignments, let body):
        let inner = Scope(parent: scope)
        for (target, expression) in assignments {
          try assign(try evaluate(expression, in: scope), to: target, in: inner)
        }
        return try run(body, in: inner, into: &output)
      case .breakLoop: return .breakLoop
      case .continueLoop: return .continueLoop
      }
      return .normal
    } catch let error as TemplateError {
      throw error.at(line: statement.line)
    }
  }

  private func captureText(_ body: [Statement], _ filters: [FilterCall], in scope: Scope) throws -> TemplateValue {
    var text = TemplateText()
    _ = try run(body, in: Scope(parent: scope), into: &text)
    return try filters.reduce(.string(text)) { try admit(apply($1, to: $0, in: scope)) }
  }

  func assign(_ value: TemplateValue, to target: Target, in scope: Scope) throws {
    switch target {
    case .name(let symbol): scope.set(symbol, value)
    case .attribute(let symbol, let attribute):
      guard case .object(let object)? = scope.lookUp(symbol), let namespace = object as? Namespace else {
        throw TemplateError(.wrongType, "cannot assign attribute on non-namespace object")
      }
      try Namespace.check(attribute)
      namespace.values[.string(attribute)] = value
    case .tuple(let targets):
      let items = try items(of: value)
      guard items.count == targets.count else {
        throw TemplateError(
          .wrongValue, "cannot unpack \(items.count) values into \(targets.count) names")
      }
      for (target, item) in zip(targets, items) { try assign(item, to: target, in: scope) }
    }
  }

  private func run(_ loop: ForLoop, in scope: Scope, into output: inout TemplateText) throws {
    try run(loop, over: evaluate(loop.iterable, in: scope), level: 0, in: scope, into: &output)
  }

  func run(
    _ loop: ForLoop, over iterable: TemplateValue, level: Int, in scope: Scope, into output: inout TemplateText
  ) throws {
    var items = try items(of: iterable)
    if let condition = loop.condition {
      items = try items.filter { item in
        let inner = Scope(parent: scope)
        try assign(item, to: loop.target, in: inner)
        return try evaluate(condition, in: inner).isTrue
      }
    }
    guard !items.isEmpty else {
      _ = try run(loop.otherwise, in: Scope(parent: scope), into: &output)
      return
    }
    if loop.isRecursive { capture(scope) }
    let state = LoopState(items, level: level, loop: loop, scope: scope)
    var inner = Scope(parent: scope)
    for index in items.indices {
      try charge()
      state.index = index
      // What a macro of an earlier round may look into is left alone.
      if inner.isCaptured { inner = Scope(parent: scope) } else { inner.removeAll() }
      inner.set(SymbolTable.loop, .object(state))
      try assign(items[index], to: loop.target, in: inner)
      if case .breakLoop = try run(loop.body, in: inner, into: &output) { break }
    }
  }

  /// The items a loop visits; throws `.wrongType` for a value that is not iterable.
  func items(of value: TemplateValue) throws -> [TemplateValue] {
    switch value {
    case .undefined(let undefined):
      if undefined.isHiddenBySandbox { throw undefined.error }
      return []
    case .list(let list): return list.items
    case .dictionary(let dictionary): return dictionary.keys
    case .string(let text):
      return try characters(of: text).map { .string($0) }
    case .object(let iterator as IteratorObject): return try iterator.takeAll(self)
    default: throw TemplateError(.wrongType, "'\(value.typeName)' object is not iterable")
    }
  }
}
