/// One token of a template.
struct Token: Sendable {
  enum Kind: Equatable, Sendable {
    case data(String)
    case blockBegin
    case blockEnd
    case variableBegin
    case variableEnd
    case name(String)
    case string(String)
    case integer(BigInteger)
    case double(Double)
    case symbol(String)
    case end
  }

  let kind: Kind
  let line: Int
}
