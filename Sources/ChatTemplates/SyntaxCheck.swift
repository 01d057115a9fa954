/// What Jinja's compiler refuses in a template that parses.
struct SyntaxCheck {
  /// Whether a loop encloses the statement.
  var isInLoop = false

  /// Checks statements; `isSoft` where a condition may keep them from running, which defers unknown filters and tests
  /// to the run.
  func check(_ statements: [Statement], isSoft: Bool) throws {
    for statement in statements {
      do {
        try check(statement, isSoft)
      } catch let error as TemplateError {
        throw error.at(line: statement.line)
      }
    }
  }

  private func check(_ statement: Statement, _ isSoft: Bool) throws {
    switch statement.kind {
    case .text, .breakLoop, .continueLoop: break
    case .output(let expression): try check(expression, isSoft)
    case .conditional(let branches, let otherwise):
      for branch in branches {
        try check(branch.test, true)
        try check(branch.body, isSoft: true)
      }
      try check(otherwise, isSoft: true)
    case .loop(let loop):
      let inner = SyntaxCheck(isInLoop: true)
      try inner.check(loop.target)
      try check(loop.iterable, isSoft)
      if let condition = loop.condition { try check(condition, false) }
      try inner.check(loop.body, isSoft: false)
      try inner.check(loop.otherwise, isSoft: false)
    case .assignment(let target, let value):
      try check(target)
      try check(value, isSoft)
    case .blockAssignment(let target, let filters, let body):
      try check(target)
      try check(filters, isSoft)
      try check(body, isSoft: false)
    case .macro(let definition): try check(definition)
    case .callBlock(let call, let definition):
      try check(call, isSoft)
      try check(definition)
    case .filterBlock(let filters, let body):
      try check(filters, isSoft)
      try check(body, isSoft: false)
    case .scope(let assignments, let body):
      for (target, value) in assignments {
        try check(target)
        try check(value, isSoft)
      }
      try check(body, isSoft: false)
    }
  }

  private func check(_ definition: MacroDefinition) throws {
    let symbols = definition.parameters.map(\.symbol)
    guard Set(symbols).count == symbols.count else {
      throw TemplateError(.syntax, "duplicate argument in the definition of '\(definition.name)'")
    }
    for value in definition.defaults { try check(value, false) }
    try check(definition.body, isSoft: false)
  }

  private func check(_ target: Target) throws {
    switch target {
    case .name(let symbol):
      guard !isInLoop || symbol != SymbolTable.loop else {
        throw TemplateError(.unsupported, "Can't assign to special loop variable in for-loop")
      }
    case .attribute: break
    case .tuple(let targets): for target in targets { try check(target) }
    }
  }

  private func check(_ filters: [FilterCall], _ isSoft: Bool) throws {
    for filter in filters {
      guard filter.filter != nil || isSoft else { throw FilterCall.unknown(filter.name) }
      try check(filter.arguments, isSoft)
    }
  }

  private func check(_ arguments: Arguments, _ isSoft: Bool) throws {
    for case let argument? in arguments.children { try check(argument, isSoft) }
  }

  private func check(_ expression: Expression, _ isSoft: Bool) throws {
    switch expression.kind {
    case .constant, .name: break
    case .list(let items), .tuple(let items), .concatenation(let items):
      for item in items { try check(item, isSoft) }
    case .dictionary(let pairs):
      for pair in pairs {
        try check(pair.key, isSoft)
        try check(pair.value, isSoft)
      }
    case .attribute(let object, _): try check(object, isSoft)
    case .item(let object, let index):
      try check(object, isSoft)
      try check(index, isSoft)
    case .slice(let object, let start, let stop, let step):
      for case let part? in [object, start, stop, step] { try check(part, isSoft) }
    case .call(let callee, let arguments):
      try check(callee, isSoft)
      try check(arguments, isSoft)
    case .filter(let operand, let filter):
      try check(operand, isSoft)
      try check([filter], isSoft)
    case .test(let operand, let test):
      try check(operand, isSoft)
      guard test.test != nil || isSoft else { throw TestCall.unknown(test.name) }
      try check(test.arguments, isSoft)
    case .unary(_, let operand): try check(operand, isSoft)
    case .binary(_, let left, let right):
      try check(left, isSoft)
      try check(right, isSoft)
    case .comparison(let first, let rest):
      try check(first, isSoft)
      for (_, operand) in rest { try check(operand, isSoft) }
    case .conditional(let test, let then, let otherwise):
      for case let part? in [test, then, otherwise] { try check(part, true) }
    }
  }
}
