/// An expression with its line and the depth of its tree.
final class Expression: Sendable {
  enum Kind: Sendable {
    case constant(TemplateValue)
    case name(Symbol)
    case list([Expression])
    case tuple([Expression])
    case dictionary([(key: Expression, value: Expression)])
    case attribute(Expression, AttributeName)
    case item(Expression, Expression)
    case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
    case call(Expression, Arguments)
    case filter(Expression, FilterCall)
    case test(Expression, TestCall)
    case unary(UnaryOperator, Expression)
    case binary(BinaryOperator, Expression, Expression)
    case concatenation([Expression])
    case comparison(Expression, [(ComparisonOperator, Expression)])
    case conditional(test: Expression, then: Expression, otherwise: Expression?)
  }

  let kind: Kind
  let line: Int
  let depth: Int

  init(kind: Kind, line: Int, depth: Int) {
    self.kind = kind
    self.line = line
    self.depth = depth
  }
}

enum UnaryOperator: Sendable {
  case not
  case negative
  case positive
}

enum BinaryOperator: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case remainder = "%"
  case power = "**"
  case and
  case or
}

enum ComparisonOperator: String, Sendable {
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case `in`
  case notIn = "not in"
}

/// The name of an attribute, with the methods it may mean.
final class AttributeName: Sendable {
  let name: String
  let fingerprint: UInt64
  let stringMethod: StringMethod?
  let isDictionaryMethod: Bool
  /// Whether the sandbox hides the method of that name from lists, and from dictionaries.
  let changesList: Bool
  let changesDictionary: Bool

  init(_ name: String) {
    self.name = name
    fingerprint = name.fingerprint
    stringMethod = StringMethod(rawValue: name)
    isDictionaryMethod = ["get", "items", "keys", "values", "copy", "fromkeys"].contains(name)
    changesList = ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"].contains(name)
    changesDictionary = ["clear", "pop", "popitem", "setdefault", "update"].contains(name)
  }
}

/// The arguments of a call, filter or test as written.
struct Arguments: Sendable {
  var positional: [Expression] = []
  var named: [(name: String, value: Expression)] = []
  var unpackedList: Expression?
  var unpackedDictionary: Expression?
}

/// Where an assignment stores.
indirect enum Target: Sendable {
  case name(Symbol)
  case attribute(Symbol, String)
  case tuple([Target])
}

/// A filter with its arguments; nil where Jinja has no such filter.
struct FilterCall: Sendable {
  let name: String
  let filter: Filter?
  let arguments: Arguments
}

/// A test with its arguments; nil where Jinja has no such test.
struct TestCall: Sendable {
  let name: String
  let test: ValueTest?
  let arguments: Arguments
}

/// A macro, or the body of a call block.
final class MacroDefinition: Sendable {
  let name: String
  let symbol: Symbol
  let parameters: [(name: String, symbol: Symbol)]
  /// Default values of the last parameters.
  let defaults: [Expression]
  let body: [Statement]
  /// Whether the body names `varargs`, `kwargs` and `caller`, without which it takes none.
  let usesPositional: Bool
  let usesNamed: Bool
  let usesCaller: Bool

  init(
    _ name: String, _ symbol: Symbol, _ parameters: [(name: String, symbol: Symbol)], _ defaults: [Expression],
    _ body: [Statement], used: Set<Symbol>
  ) {
    self.name = name
    self.symbol = symbol
    self.parameters = parameters
    self.defaults = defaults
    self.body = body
    usesPositional = used.contains(SymbolTable.positional)
    usesNamed = used.contains(SymbolTable.named)
    usesCaller = used.contains(SymbolTable.caller)
  }
}

/// A loop as written.
final class ForLoop: Sendable {
  let target: Target
  let iterable: Expression
  let condition: Expression?
  let isRecursive: Bool
  let body: [Statement]
  let otherwise: [Statement]

  init(
    target: Target, iterable: Expression, condition: Expression?, isRecursive: Bool, body: [Statement],
    otherwise: [Statement]
  ) {
    self.target = target
    self.iterable = iterable
    self.condition = condition
    self.isRecursive = isRecursive
    self.body = body
    self.otherwise = otherwise
  }
}

/// A statement with its line.
final class Statement: Sendable {
  enum Kind: Sendable {
    case text(String)
    case output(Expression)
    case conditional([(test: Expression, body: [Statement])], otherwise: [Statement])
    case loop(ForLoop)
    case assignment(Target, Expression)
    case blockAssignment(Target, [FilterCall], [Statement])
    case macro(MacroDefinition)
    case callBlock(Expression, MacroDefinition)
    case filterBlock([FilterCall], [Statement])
    case scope([(Target, Expression)], [Statement])
    case breakLoop
    case continueLoop
  }

  let kind: Kind
  let line: Int

  init(kind: Kind, line: Int) {
    self.kind = kind
    self.line = line
  }
}
