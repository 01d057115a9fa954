extension Parser {
  /// Attributes, subscripts and calls after a primary.
  mutating func parsePostfix(_ expression: Expression) throws -> Expression {
    var expression = expression
    while true {
      let line = line
      if take(".") {
        if case .integer(let index) = current {
          advance()
          let constant = try node(.constant(TemplateValue(index)), line)
          expression = try node(.item(expression, constant), line, [expression])
        } else {
          expression = try node(.attribute(expression, AttributeName(try expectIdentifier())), line, [expression])
        }
      } else if take("[") {
        expression = try parseSubscript(of: expression, line)
      } else if take("(") {
        expression = try parseCall(of: expression, line)
      } else {
        return expression
      }
    }
  }

  private mutating func parseCall(of callee: Expression, _ line: Int) throws -> Expression {
    let arguments = try parseArguments()
    return try node(.call(callee, arguments), line, [callee] + arguments.children)
  }

  private mutating func parseSubscript(of expression: Expression, _ line: Int) throws -> Expression {
    var start: Expression?
    if current != .symbol(":") {
      let index = try parseExpression()
      if take("]") { return try node(.item(expression, index), line, [expression, index]) }
      if current == .symbol(",") {
        var items = [index]
        while take(",") { items.append(try parseExpression()) }
        try expect("]")
        let tuple = try node(.tuple(items), line, items)
        return try node(.item(expression, tuple), line, [expression, tuple])
      }
      start = index
    }
    try expect(":")
    var stop: Expression?
    var step: Expression?
    if current != .symbol(":"), current != .symbol("]") { stop = try parseExpression() }
    if take(":"), current != .symbol("]") { step = try parseExpression() }
    try expect("]")
    return try node(
      .slice(expression, start: start, stop: stop, step: step), line, [expression, start, stop, step])
  }

  /// Filters, tests and calls after an operand.
  mutating func parseFilters(_ expression: Expression) throws -> Expression {
    var expression = expression
    while true {
      let line = line
      if take("|") {
        let filter = try parseFilterCall()
        expression = try node(
          .filter(expression, filter), line, [expression] + filter.arguments.children)
      } else if current == .name("is") {
        advance()
        expression = try parseTest(of: expression, line)
      } else if take("(") {
        expression = try parseCall(of: expression, line)
      } else {
        return expression
      }
    }
  }

  /// `name.name(arguments)`, the arguments being optional.
  mutating func parseFilterCall() throws -> FilterCall {
    let name = try parseDottedName()
    let arguments = take("(") ? try parseArguments() : Arguments()
    return FilterCall(name: name, filter: Filter(named: name), arguments: arguments)
  }

  private mutating func parseDottedName() throws -> String {
    var name = try expectIdentifier()
    while take(".") { name += "." + (try expectIdentifier()) }
    return name
  }

  private mutating func parseTest(of expression: Expression, _ line: Int) throws -> Expression {
    let isNegated = takeName("not")
    let name = try parseDottedName()
    var arguments = Arguments()
    if take("(") {
      arguments = try parseArguments()
    } else if try startsTestArgument() {
      arguments.positional = [try parsePostfix(parsePrimary())]
    }
    let call = TestCall(name: name, test: ValueTest(named: name), arguments: arguments)
    let test = try node(.test(expression, call), line, [expression] + arguments.children)
    return isNegated ? try node(.unary(.not, test), line, [test]) : test
  }

  private func startsTestArgument() throws -> Bool {
    switch current {
    case .name("is"): throw failure("You cannot chain multiple tests with is")
    case .name(let name): !["else", "or", "and"].contains(name)
    case .string, .integer, .double: true
    case .symbol(let symbol): symbol == "[" || symbol == "{"
    default: false
    }
  }

  /// `*` and `**` unpacking, named and positional arguments, after the opening parenthesis.
  mutating func parseArguments() throws -> Arguments {
    var arguments = Arguments()
    var isFirst = true
    func ensure(_ isAllowed: Bool) throws {
      guard isAllowed else { throw failure("invalid syntax for function call expression") }
    }
    while !take(")") {
      if !isFirst {
        try expect(",")
        if take(")") { break }
      }
      isFirst = false
      if take("**") {
        try ensure(arguments.unpackedDictionary == nil)
        arguments.unpackedDictionary = try parseExpression()
      } else if take("*") {
        try ensure(arguments.unpackedList == nil && arguments.unpackedDictionary == nil)
        arguments.unpackedList = try parseExpression()
      } else if case .name(let name) = current, next == .symbol("=") {
        try ensure(arguments.unpackedDictionary == nil)
        advance()
        advance()
        arguments.named.append((name, try parseExpression()))
      } else {
        try ensure(
          arguments.named.isEmpty && arguments.unpackedList == nil && arguments.unpackedDictionary == nil)
        arguments.positional.append(try parseExpression())
      }
    }
    return arguments
  }
}

extension Arguments {
  var children: [Expression?] { positional + named.map(\.value) + [unpackedList, unpackedDictionary] }
}
