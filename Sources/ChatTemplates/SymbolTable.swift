/// A variable's name, as its place in the symbol table of its template.
typealias Symbol = Int

/// The names of a template's variables.
struct SymbolTable: Sendable {
  static let loop: Symbol = 0
  static let caller: Symbol = 1
  static let positional: Symbol = 2
  static let named: Symbol = 3

  private(set) var names = ["loop", "caller", "varargs", "kwargs"]
  private var symbols: [String: Symbol] = ["loop": loop, "caller": caller, "varargs": positional, "kwargs": named]

  /// The symbol of a name, which is added where it is new.
  mutating func symbol(_ name: String) -> Symbol {
    if let symbol = symbols[name] { return symbol }
    symbols[name] = names.count
    names.append(name)
    return names.count - 1
  }

  /// The symbol of a name the template uses.
  func existing(_ name: String) -> Symbol? { symbols[name] }
}

/// A parsed template.
struct Program: Sendable {
  let statements: [Statement]
  let symbols: SymbolTable
  /// Text outside tags, and string constants.
  let literals: [String]
  /// The global function of each symbol.
  let globals: [TemplateValue?]

  /// Parses and checks a template; throws `.syntax` or `.unsupported`.
  init(_ template: String) throws {
    let tokens = try Lexer.tokens(of: template)
    literals = tokens.compactMap { token in
      switch token.kind {
      case .data(let text), .string(let text): text
      default: nil
      }
    }
    var parser = Parser(tokens)
    statements = try parser.parseTemplate()
    symbols = parser.symbols
    globals = symbols.names.map(Globals.value)
    try SyntaxCheck().check(statements, isSoft: false)
  }
}
