extension Parser {
  /// Statements up to a block whose name is in `ends`, which stays current after its `{%`; to the end of the template
  /// where `ends` is empty.
  mutating func parseStatements(until ends: [String]) throws -> [Statement] {
    try nested { parser in
      var statements: [Statement] = []
      while true {
        let line = parser.line
        switch parser.current {
        case .data(let text):
          parser.advance()
          statements.append(Statement(kind: .text(text), line: line))
        case .variableBegin:
          parser.advance()
          let expression = try parser.parseTuple()
          try parser.expect(.variableEnd, "end of print statement")
          statements.append(Statement(kind: .output(expression), line: line))
        case .blockBegin:
          parser.advance()
          if case .name(let name) = parser.current, ends.contains(name) { return statements }
          statements.append(try parser.parseBlock())
        case .end where ends.isEmpty: return statements
        case .end:
          throw parser.failure("unexpected end of template; expected \(ends.joined(separator: " or "))")
        default: throw parser.failure("unexpected \(parser.describe())")
        }
      }
    }
  }

  /// One expression, or a tuple without parentheses.
  mutating func parseTuple(allowsConditional: Bool = true) throws -> Expression {
    let line = line
    let first = try parseExpression(allowsConditional: allowsConditional)
    guard current == .symbol(",") else { return first }
    var items = [first]
    while take(",") {
      if [.variableEnd, .blockEnd].contains(current) { break }
      items.append(try parseExpression(allowsConditional: allowsConditional))
    }
    return try node(.tuple(items), line, items)
  }

  /// The body of a block after its opening tag, through the closing tag.
  private mutating func parseBody(_ end: String) throws -> [Statement] {
    try expectBlockEnd()
    let body = try parseStatements(until: [end])
    advance()
    try expectBlockEnd()
    return body
  }

  private mutating func expectBlockEnd() throws { try expect(.blockEnd, "end of statement block") }

  private mutating func parseBlock() throws -> Statement {
    let line = line
    let name = try expectIdentifier()
    let kind: Statement.Kind
    switch name {
    case "if": kind = try parseIf()
    case "for": kind = try parseFor()
    case "set": kind = try parseSet()
    case "macro":
      let name = try expectIdentifier()
      try expect("(")
      let (parameters, defaults) = try parseParameters()
      kind = .macro(try parseMacroBody(name, parameters, defaults, end: "endmacro"))
    case "call":
      let (parameters, defaults) = take("(") ? try parseParameters() : ([], [])
      let call = try parseExpression()
      guard case .call = call.kind else { throw failure("expected a call") }
      kind = .callBlock(call, try parseMacroBody("caller", parameters, defaults, end: "endcall"))
    case "filter":
      let filters = try parseFilterChain()
      kind = .filterBlock(filters, try parseBody("endfilter"))
    case "with":
      var assignments: [(Target, Expression)] = []
      while current != .blockEnd {
        if !assignments.isEmpty { try expect(",") }
        let target = try parseTarget()
        try expect("=")
        assignments.append((target, try parseExpression()))
      }
      kind = .scope(assignments, try parseBody("endwith"))
    case "generation": kind = .scope([], try parseBody("endgeneration"))
    case "break", "continue":
      guard loops > 0 else { throw failure("'\(name)' outside loop") }
      try expectBlockEnd()
      kind = name == "break" ? .breakLoop : .continueLoop
    case "extends", "include", "import", "from", "block", "autoescape":
      throw TemplateError(.unsupported, "'{% \(name) %}' is not available to chat templates", line: line)
    default: throw failure("Encountered unknown tag '\(name)'.")
    }
    return Statement(kind: kind, line: line)
  }

  private mutating func parseIf() throws -> Statement.Kind {
    var branches: [(test: Expression, body: [Statement])] = []
    while true {
      let test = try parseTuple(allowsConditional: false)
      try expectBlockEnd()
      branches.append((test, try parseStatements(until: ["elif", "else", "endif"])))
      if takeName("elif") { continue }
      if takeName("else") { return .conditional(branches, otherwise: try parseBody("endif")) }
      advance()
      try expectBlockEnd()
      return .conditional(branches, otherwise: [])
    }
  }

  private mutating func parseFor() throws -> Statement.Kind {
    let target = try parseTarget()
    guard takeName("in") else { throw failure("expected 'in', got \(describe())") }
    let iterable = try parseTuple(allowsConditional: false)
    let condition = takeName("if") ? try parseExpression() : nil
    let isRecursive = takeName("recursive")
    try expectBlockEnd()
    loops += 1
    let body = try parseStatements(until: ["else", "endfor"])
    loops -= 1
    var otherwise: [Statement] = []
    if takeName("else") {
      otherwise = try parseBody("endfor")
    } else {
      advance()
      try expectBlockEnd()
    }
    return .loop(
      ForLoop(
        target: target, iterable: iterable, condition: condition, isRecursive: isRecursive, body: body,
        otherwise: otherwise))
  }

  private mutating func parseSet() throws -> Statement.Kind {
    let target = try parseTarget(allowsAttribute: true)
    if take("=") {
      let value = try parseTuple()
      try expectBlockEnd()
      return .assignment(target, value)
    }
    let filters = take("|") ? try parseFilterChain() : []
    return .blockAssignment(target, filters, try parseBody("endset"))
  }

  private mutating func parseFilterChain() throws -> [FilterCall] {
    var filters = [try parseFilterCall()]
    while take("|") { filters.append(try parseFilterCall()) }
    return filters
  }

  private mutating func parseTarget(allowsAttribute: Bool = false) throws -> Target {
    try nested { parser in
      var targets = [try parser.parseSingleTarget(allowsAttribute: allowsAttribute)]
      guard parser.current == .symbol(",") else { return targets[0] }
      while parser.take(",") {
        if parser.current == .name("in") || parser.current == .symbol("=") { break }
        targets.append(try parser.parseSingleTarget(allowsAttribute: allowsAttribute))
      }
      return .tuple(targets)
    }
  }

  private mutating func parseSingleTarget(allowsAttribute: Bool) throws -> Target {
    if take("(") {
      let inner = try parseTarget(allowsAttribute: allowsAttribute)
      try expect(")")
      return inner
    }
    let name = try expectIdentifier()
    guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
      throw failure("can't assign to '\(name)'")
    }
    if allowsAttribute, take(".") { return .attribute(symbol(name), try expectIdentifier()) }
    return .name(symbol(name))
  }

  private mutating func parseParameters() throws -> ([String], [Expression]) {
    var names: [String] = []
    var defaults: [Expression] = []
    while !take(")") {
      if !names.isEmpty {
        try expect(",")
        if take(")") { break }
      }
      names.append(try expectIdentifier())
      if take("=") {
        defaults.append(try parseExpression())
      } else if !defaults.isEmpty {
        throw failure("non-default argument follows default argument")
      }
    }
    return (names, defaults)
  }

  private mutating func parseMacroBody(
    _ name: String, _ parameters: [String], _ defaults: [Expression], end: String
  ) throws -> MacroDefinition {
    let (outerLoops, outerUsed) = (loops, used)
    loops = 0
    used = []
    let parameters = parameters.map { (name: $0, symbol: symbols.symbol($0)) }
    let body = try parseBody(end)
    let inner = used
    loops = outerLoops
    used = outerUsed.union(inner.subtracting(Self.implicit))
    return MacroDefinition(name, symbol(name), parameters, defaults, body, used: inner)
  }

  /// The variables every macro has of its own.
  private static let implicit: Set<Symbol> = [SymbolTable.caller, SymbolTable.positional, SymbolTable.named]
}
