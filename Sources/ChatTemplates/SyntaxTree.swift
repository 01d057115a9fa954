/// An expression with its line and the depth of its tree.
struct Expression: Sendable {
  indirect enum Kind: Sendable {
    case constant(TemplateValue)
    case name(String)
    case list([Expression])
    case tuple([Expression])
    case dictionary([(key: Expression, value: Expression)])
    case attribute(Expression, String)
    case item(Expression, Expression)
    case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
    case call(Expression, Arguments)
    case filter(Expression?, String, Arguments)
    case test(Expression, String, Arguments)
    case unary(UnaryOperator, Expression)
    case binary(BinaryOperator, Expression, Expression)
    case concatenation([Expression])
    case comparison(Expression, [(ComparisonOperator, Expression)])
    case conditional(test: Expression, then: Expression, otherwise: Expression?)
  }

  let kind: Kind
  let line: Int
  let depth: Int
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

/// The arguments of a call, filter or test as written.
struct Arguments: Sendable {
  var positional: [Expression] = []
  var named: [(name: String, value: Expression)] = []
  var unpackedList: Expression?
  var unpackedDictionary: Expression?
}

/// Where an assignment stores.
enum Target: Sendable {
  case name(String)
  case attribute(String, String)
  case tuple([Target])
}

/// A filter without its value, in order of application.
typealias FilterCall = (name: String, arguments: Arguments)

/// A macro, or the body of a call block.
struct MacroDefinition: Sendable {
  let name: String
  let parameters: [String]
  /// Default values of the last parameters.
  let defaults: [Expression]
  let body: [Statement]
}

/// A loop as written.
struct ForLoop: Sendable {
  let target: Target
  let iterable: Expression
  let condition: Expression?
  let isRecursive: Bool
  let body: [Statement]
  let otherwise: [Statement]
}

/// A statement with its line.
struct Statement: Sendable {
  indirect enum Kind: Sendable {
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
}
