/// Builds the syntax tree of a template, after the grammar of Jinja 3.1.
struct Parser {
  private let tokens: [Token]
  private var position = 0
  /// How deeply the functions of the parser nest, in units of one expression or statement.
  var nesting = 0
  /// How many loops enclose the statement being parsed.
  var loops = 0
  /// The variables of the template.
  var symbols = SymbolTable()
  /// The variables named since the enclosing macro began.
  var used: Set<Symbol> = []

  init(_ tokens: [Token]) { self.tokens = tokens }

  /// The statements of the template; throws `.syntax` or `.unsupported`.
  mutating func parseTemplate() throws -> [Statement] {
    let statements = try parseStatements(until: [])
    guard current == .end else { throw failure("unexpected \(describe())") }
    return statements
  }

  mutating func symbol(_ name: String) -> Symbol {
    let symbol = symbols.symbol(name)
    used.insert(symbol)
    return symbol
  }

  var current: Token.Kind { tokens[position].kind }
  var line: Int { tokens[position].line }
  var next: Token.Kind { tokens[min(position + 1, tokens.count - 1)].kind }

  mutating func advance() { if position < tokens.count - 1 { position += 1 } }

  func failure(_ message: String) -> TemplateError { TemplateError(.syntax, message, line: line) }

  func describe() -> String {
    switch current {
    case .data: "text"
    case .blockBegin: "begin of statement block"
    case .blockEnd: "end of statement block"
    case .variableBegin: "begin of print statement"
    case .variableEnd: "end of print statement"
    case .name(let name): "'\(name)'"
    case .string: "a string"
    case .integer, .double: "a number"
    case .symbol(let symbol): "'\(symbol)'"
    case .end: "end of template"
    }
  }

  mutating func take(_ symbol: String) -> Bool {
    guard current == .symbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func takeName(_ name: String) -> Bool {
    guard current == .name(name) else { return false }
    advance()
    return true
  }

  mutating func expect(_ symbol: String) throws {
    guard take(symbol) else { throw failure("expected '\(symbol)', got \(describe())") }
  }

  mutating func expect(_ kind: Token.Kind, _ what: String) throws {
    guard current == kind else { throw failure("expected \(what), got \(describe())") }
    advance()
  }

  mutating func expectIdentifier() throws -> String {
    guard case .name(let name) = current else { throw failure("expected a name, got \(describe())") }
    advance()
    return name
  }

  /// Runs `parse` one level deeper; throws `.syntax` where the template nests too deeply.
  mutating func nested<Value>(_ parse: (inout Parser) throws -> Value) throws -> Value {
    guard nesting < TemplateLimits.maximumSyntaxDepth else { throw failure("the template nests too deeply") }
    nesting += 1
    defer { nesting -= 1 }
    return try parse(&self)
  }

  /// An expression node above its children; throws `.syntax` where the tree grows too deep.
  func node(_ kind: Expression.Kind, _ line: Int, _ children: [Expression?] = []) throws -> Expression {
    let depth = 1 + (children.lazy.compactMap { $0?.depth }.max() ?? 0)
    guard depth < TemplateLimits.maximumSyntaxDepth else { throw failure("an expression nests too deeply") }
    return Expression(kind: kind, line: line, depth: depth)
  }
}
