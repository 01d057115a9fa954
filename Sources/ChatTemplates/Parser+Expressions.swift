extension Parser {
  /// An expression; `a if b else c` only where `allowsConditional`.
  mutating func parseExpression(allowsConditional: Bool = true) throws -> Expression {
    try nested { parser in
      var expression = try parser.parseOr()
      while allowsConditional, parser.current == .name("if") {
        let line = parser.line
        parser.advance()
        let test = try parser.parseOr()
        let otherwise = parser.takeName("else") ? try parser.parseExpression() : nil
        expression = try parser.node(
          .conditional(test: test, then: expression, otherwise: otherwise), line, [test, expression, otherwise])
      }
      return expression
    }
  }

  private mutating func parseOr() throws -> Expression {
    var left = try parseAnd()
    while current == .name("or") {
      let line = line
      advance()
      let right = try parseAnd()
      left = try node(.binary(.or, left, right), line, [left, right])
    }
    return left
  }

  private mutating func parseAnd() throws -> Expression {
    var left = try parseNot()
    while current == .name("and") {
      let line = line
      advance()
      let right = try parseNot()
      left = try node(.binary(.and, left, right), line, [left, right])
    }
    return left
  }

  private mutating func parseNot() throws -> Expression {
    guard current == .name("not") else { return try parseComparison() }
    let line = line
    advance()
    let operand = try nested { try $0.parseNot() }
    return try node(.unary(.not, operand), line, [operand])
  }

  private mutating func parseComparison() throws -> Expression {
    let line = line
    let left = try parseSum()
    var rest: [(ComparisonOperator, Expression)] = []
    while let comparison = takeComparison() { rest.append((comparison, try parseSum())) }
    guard !rest.isEmpty else { return left }
    return try node(.comparison(left, rest), line, [left] + rest.map(\.1))
  }

  private mutating func takeComparison() -> ComparisonOperator? {
    switch current {
    case .symbol(let symbol):
      guard let comparison = ComparisonOperator(rawValue: symbol) else { return nil }
      advance()
      return comparison
    case .name("in"):
      advance()
      return .in
    case .name("not") where next == .name("in"):
      advance()
      advance()
      return .notIn
    default: return nil
    }
  }

  private mutating func parseSum() throws -> Expression {
    var left = try parseConcatenation()
    while let operation = takeOperator(["+", "-"]) {
      let line = line
      let right = try parseConcatenation()
      left = try node(.binary(operation, left, right), line, [left, right])
    }
    return left
  }

  private mutating func parseConcatenation() throws -> Expression {
    let line = line
    var parts = [try parseProduct()]
    while take("~") { parts.append(try parseProduct()) }
    return parts.count == 1 ? parts[0] : try node(.concatenation(parts), line, parts)
  }

  private mutating func parseProduct() throws -> Expression {
    var left = try parsePower()
    while let operation = takeOperator(["*", "/", "//", "%"]) {
      let line = line
      let right = try parsePower()
      left = try node(.binary(operation, left, right), line, [left, right])
    }
    return left
  }

  private mutating func parsePower() throws -> Expression {
    var left = try parseUnary()
    while take("**") {
      let line = line
      let right = try parseUnary()
      left = try node(.binary(.power, left, right), line, [left, right])
    }
    return left
  }

  private mutating func takeOperator(_ symbols: [String]) -> BinaryOperator? {
    guard case .symbol(let symbol) = current, symbols.contains(symbol) else { return nil }
    advance()
    return BinaryOperator(rawValue: symbol)
  }

  private mutating func parseUnary(allowsFilters: Bool = true) throws -> Expression {
    let line = line
    var expression: Expression
    if take("-") {
      let operand = try nested { try $0.parseUnary(allowsFilters: false) }
      expression = try node(.unary(.negative, operand), line, [operand])
    } else if take("+") {
      let operand = try nested { try $0.parseUnary(allowsFilters: false) }
      expression = try node(.unary(.positive, operand), line, [operand])
    } else {
      expression = try parsePrimary()
    }
    expression = try parsePostfix(expression)
    return allowsFilters ? try parseFilters(expression) : expression
  }

  mutating func parsePrimary() throws -> Expression {
    let line = line
    switch current {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return try node(.constant(.bool(true)), line)
      case "false", "False": return try node(.constant(.bool(false)), line)
      case "none", "None": return try node(.constant(.none), line)
      default: return try node(.name(symbol(name)), line)
      }
    case .string(let text):
      var whole = text
      advance()
      while case .string(let more) = current {
        whole += more
        advance()
      }
      return try node(.constant(.string(whole)), line)
    case .integer(let value):
      advance()
      return try node(.constant(TemplateValue(value)), line)
    case .double(let value):
      advance()
      return try node(.constant(.double(value)), line)
    case .symbol("("): return try parseParentheses()
    case .symbol("["):
      advance()
      let items = try parseItems(until: "]")
      return try node(.list(items), line, items)
    case .symbol("{"): return try parseDictionary()
    default: throw failure("unexpected \(describe())")
    }
  }

  private mutating func parseParentheses() throws -> Expression {
    let line = line
    advance()
    if take(")") { return try node(.tuple([]), line) }
    let first = try parseExpression()
    if take(")") { return first }
    try expect(",")
    let items = [first] + (try parseItems(until: ")"))
    return try node(.tuple(items), line, items)
  }

  private mutating func parseItems(until end: String) throws -> [Expression] {
    var items: [Expression] = []
    while !take(end) {
      if !items.isEmpty {
        try expect(",")
        if take(end) { break }
      }
      items.append(try parseExpression())
    }
    return items
  }

  private mutating func parseDictionary() throws -> Expression {
    let line = line
    advance()
    var pairs: [(key: Expression, value: Expression)] = []
    while !take("}") {
      if !pairs.isEmpty {
        try expect(",")
        if take("}") { break }
      }
      let key = try parseExpression()
      try expect(":")
      pairs.append((key, try parseExpression()))
    }
    return try node(.dictionary(pairs), line, pairs.flatMap { [$0.key, $0.value] })
  }
}
