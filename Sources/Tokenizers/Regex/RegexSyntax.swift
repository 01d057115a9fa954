/// The tree of a regular expression.
indirect enum RegexSyntax: Equatable, Sendable {
  enum Greed: Sendable {
    case greedy
    case lazy
    case possessive
  }

  enum Place: Sendable {
    case textStart
    case textEnd
    /// The end, or before a line feed there.
    case textEndOrNewline
    case lineStart
    case lineEnd
    case wordBoundary
    case noWordBoundary
  }

  case empty
  case set(ScalarSet)
  case sequence([RegexSyntax])
  case alternation([RegexSyntax])
  case repetition(RegexSyntax, minimum: Int, maximum: Int?, Greed)
  case look(RegexSyntax, negative: Bool)
  case atomic(RegexSyntax)
  case place(Place)
}
