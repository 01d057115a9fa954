/// Reads the syntax of Oniguruma, as far as split patterns use it; anything else throws.
struct RegexParser {
  /// Why a pattern is refused.
  struct Refusal: Error {
    let reason: String
  }

  private static let depthLimit = 64
  private static let repetitionLimit = 1000
  private static let stackedRepetitionLimit = 8

  /// The engine whose `\w` is meant.
  enum Dialect: Sendable {
    case oniguruma
    case rust
  }

  private let scalars: [UInt32]
  private let dialect: Dialect
  private var index = 0
  private var depth = 0
  private var ignoresCase = false
  private var dotMatchesNewline = false
  private var isExtended = false

  /// The tree of a pattern.
  static func parse(_ pattern: String, _ dialect: Dialect = .oniguruma) throws(Refusal) -> RegexSyntax {
    var parser = RegexParser(scalars: pattern.unicodeScalars.map(\.value), dialect)
    let tree = try parser.alternation()
    if parser.index < parser.scalars.count { throw Refusal(reason: "a parenthesis without its other half") }
    return tree
  }

  private init(scalars: [UInt32], _ dialect: Dialect) {
    self.scalars = scalars
    self.dialect = dialect
  }

  private func peek(_ offset: Int = 0) -> Unicode.Scalar? {
    index + offset < scalars.count ? Unicode.Scalar(scalars[index + offset]) : nil
  }

  private mutating func take(_ text: String) -> Bool {
    let wanted = text.unicodeScalars.map(\.value)
    guard index + wanted.count <= scalars.count, scalars[index..<index + wanted.count].elementsEqual(wanted) else {
      return false
    }
    index += wanted.count
    return true
  }

  private mutating func alternation() throws(Refusal) -> RegexSyntax {
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.depthLimit else { throw Refusal(reason: "parentheses nested too deeply") }
    let flags = (ignoresCase, dotMatchesNewline, isExtended)
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    (ignoresCase, dotMatchesNewline, isExtended) = flags
    return branches.count == 1 ? branches[0] : .alternation(branches)
  }

  private mutating func sequence() throws(Refusal) -> RegexSyntax {
    var items: [RegexSyntax] = []
    while let scalar = peek(), scalar != "|", scalar != ")" {
      if isExtended, scalar.properties.isWhitespace {
        index += 1
        continue
      }
      if isExtended, scalar == "#" {
        while let next = peek(), next != "\n" { index += 1 }
        continue
      }
      var item = try atom()
      var count = 0
      while let repeated = try quantified(item) {
        count += 1
        guard count < Self.stackedRepetitionLimit else { throw Refusal(reason: "too many repetitions of one item") }
        item = repeated
      }
      items.append(item)
    }
    return items.count == 1 ? items[0] : items.isEmpty ? .empty : .sequence(items)
  }

  private mutating func quantified(_ item: RegexSyntax) throws(Refusal) -> RegexSyntax? {
    var minimum = 0
    var maximum: Int?
    var isInterval = false
    switch peek() {
    case "*": index += 1
    case "+":
      index += 1
      minimum = 1
    case "?":
      index += 1
      maximum = 1
    case "{":
      guard let interval = try interval() else { return nil }
      (minimum, maximum) = interval
      isInterval = true
    default: return nil
    }
    if case .place = item { throw Refusal(reason: "a repeated anchor") }
    if take("?") { return .repetition(item, minimum: minimum, maximum: maximum, .lazy) }
    // In Oniguruma's Ruby syntax a plus after an interval repeats it.
    if !isInterval, take("+") { return .repetition(item, minimum: minimum, maximum: maximum, .possessive) }
    return .repetition(item, minimum: minimum, maximum: maximum, .greedy)
  }

  private mutating func interval() throws(Refusal) -> (Int, Int?)? {
    let start = index
    index += 1
    let low = number()
    let hasComma = take(",")
    let high = hasComma ? number() : low
    guard take("}"), low != nil || high != nil else {
      index = start
      throw Refusal(reason: "an interval that is none")
    }
    guard low ?? 0 <= Self.repetitionLimit, high ?? 0 <= Self.repetitionLimit, low ?? 0 <= high ?? .max else {
      throw Refusal(reason: "an interval out of range")
    }
    return (low ?? 0, high)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = peek(), ("0"..."9").contains(scalar), (value ?? 0) < 100_000 {
      value = (value ?? 0) * 10 + Int(scalar.value - 48)
      index += 1
    }
    return value
  }

  private mutating func atom() throws(Refusal) -> RegexSyntax {
    guard let scalar = peek() else { throw Refusal(reason: "an end where something should be") }
    switch scalar {
    case "(": return try group()
    case "[": return .set(finished(try characterClass()))
    case ".":
      index += 1
      return .set(finished(dotMatchesNewline ? Self.all : Self.allButNewline))
    case "^":
      index += 1
      return .place(.lineStart)
    case "$":
      index += 1
      return .place(.lineEnd)
    case "\\": return try escape()
    case "*", "+", "?": throw Refusal(reason: "a repetition of nothing")
    default:
      index += 1
      return .set(literal(scalar.value))
    }
  }

  private static let all: ScalarSet = {
    var set = ScalarSet()
    set.insert(0...0x10ffff)
    return set
  }()

  private static let allButNewline: ScalarSet = {
    var set = ScalarSet()
    set.insert(0...0x9)
    set.insert(0xb...0x10ffff)
    return set
  }()

  private mutating func group() throws(Refusal) -> RegexSyntax {
    index += 1
    guard take("?") else { return try closed(try alternation()) }
    if take(":") { return try closed(try alternation()) }
    if take("=") { return .look(try closed(try alternation()), negative: false) }
    if take("!") { return .look(try closed(try alternation()), negative: true) }
    if take(">") { return .atomic(try closed(try alternation())) }
    if peek() == "<" || peek() == "P" { throw Refusal(reason: "lookbehind and named groups") }
    var isOn = true
    let before = (ignoresCase, dotMatchesNewline, isExtended)
    while let flag = peek(), flag != ":", flag != ")" {
      switch flag {
      case "-": isOn = false
      case "i": ignoresCase = isOn
      case "m": dotMatchesNewline = isOn
      case "x": isExtended = isOn
      default: throw Refusal(reason: "the option (?\(flag))")
      }
      index += 1
    }
    if take(")") {
      // The options hold up to the end of the enclosing group.
      return try alternation()
    }
    guard take(":") else { throw Refusal(reason: "an option group without an end") }
    let tree = try closed(try alternation())
    (ignoresCase, dotMatchesNewline, isExtended) = before
    return tree
  }

  private mutating func closed(_ tree: RegexSyntax) throws(Refusal) -> RegexSyntax {
    guard take(")") else { throw Refusal(reason: "a parenthesis without its other half") }
    return tree
  }

  private func finished(_ set: ScalarSet) -> ScalarSet {
    var set = set
    set.finish()
    return set
  }

  private func literal(_ scalar: UInt32) -> ScalarSet {
    var set = ScalarSet()
    set.insert(scalar...scalar)
    if ignoresCase { set.ignoreCase() }
    return finished(set)
  }

  private mutating func escape() throws(Refusal) -> RegexSyntax {
    guard let scalar = peek(1) else { throw Refusal(reason: "a backslash at the end") }
    let place: RegexSyntax.Place? =
      switch scalar {
      case "A": .textStart
      case "z": .textEnd
      case "Z": .textEndOrNewline
      case "b": .wordBoundary
      case "B": .noWordBoundary
      default: nil
      }
    if let place {
      index += 2
      return .place(place)
    }
    var set = ScalarSet()
    if scalar == "W" {
      index += 2
      insertWord(into: &set)
      set.negate()
    } else if try insertEscape(into: &set) == .single, ignoresCase {
      set.ignoreCase()
    }
    return .set(finished(set))
  }

  private func insertWord(into set: inout ScalarSet) {
    set.insert(categories: ScalarCategory.word)
    switch dialect {
    case .rust: set.insert(0x200c...0x200d)
    case .oniguruma:
      for range in [0xb2...0xb3, 0xb9...0xb9, 0xbc...0xbe] as [ClosedRange<UInt32>] { set.insert(range) }
    }
  }

  private enum EscapeKind {
    case single
    case group
  }

  /// Reads an escape that stands for scalars.
  private mutating func insertEscape(into set: inout ScalarSet) throws(Refusal) -> EscapeKind {
    index += 1
    guard let scalar = peek() else { throw Refusal(reason: "a backslash at the end") }
    index += 1
    switch scalar {
    case "s": set.insert(categories: ScalarCategory.whitespace)
    case "S": set.insert(complementOf: ScalarCategory.whitespace)
    case "d": set.insert(categories: ScalarCategory.decimalNumber)
    case "D": set.insert(complementOf: ScalarCategory.decimalNumber)
    case "w": insertWord(into: &set)
    case "W": set.insert(complementOf: ScalarCategory.word)
    case "p", "P": try insertProperty(negated: scalar == "P", into: &set)
    default:
      let value = try escapedScalar(scalar)
      set.insert(value...value)
      return .single
    }
    return .group
  }

  private mutating func insertProperty(negated: Bool, into set: inout ScalarSet) throws(Refusal) {
    var name = ""
    if take("{") {
      while let scalar = peek(), scalar != "}" {
        name.unicodeScalars.append(scalar)
        index += 1
      }
      guard take("}") else { throw Refusal(reason: "\\p{ without an end") }
    } else if let scalar = peek() {
      name.unicodeScalars.append(scalar)
      index += 1
    }
    let isInverse = name.hasPrefix("^")
    if isInverse { name.removeFirst() }
    if let bits = ScalarCategory.named(name) {
      if negated != isInverse { set.insert(complementOf: bits) } else { set.insert(categories: bits) }
    } else if name == "Han", negated == isInverse {
      for range in ScalarSet.han { set.insert(range) }
    } else {
      throw Refusal(reason: "the property \(name)")
    }
  }

  private mutating func escapedScalar(_ scalar: Unicode.Scalar) throws(Refusal) -> UInt32 {
    switch scalar {
    case "n": return 0x0a
    case "r": return 0x0d
    case "t": return 0x09
    case "f": return 0x0c
    case "v": return 0x0b
    case "a": return 0x07
    case "e": return 0x1b
    case "x":
      if take("{") { return try hexadecimal(upTo: 8, closing: true) }
      return try hexadecimal(upTo: 2, closing: false)
    case "u": return try hexadecimal(upTo: 4, closing: false)
    case "0"..."9", "a"..."z", "A"..."Z": throw Refusal(reason: "the escape \\\(scalar)")
    default: return scalar.value
    }
  }

  private mutating func hexadecimal(upTo limit: Int, closing: Bool) throws(Refusal) -> UInt32 {
    var value: UInt32 = 0
    var count = 0
    while count < limit, let scalar = peek(), let digit = Character(scalar).hexDigitValue, value < 0x11000 << 4 {
      value = value << 4 | UInt32(digit)
      index += 1
      count += 1
    }
    guard count > 0, value <= 0x10ffff, !closing || take("}") else { throw Refusal(reason: "a number of a scalar") }
    return value
  }

  private mutating func characterClass() throws(Refusal) -> ScalarSet {
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.depthLimit else { throw Refusal(reason: "classes nested too deeply") }
    index += 1
    let isNegated = take("^")
    var set = ScalarSet()
    var result: ScalarSet?
    var isFirst = true
    while true {
      guard let scalar = peek() else { throw Refusal(reason: "a class without an end") }
      if scalar == "]", !isFirst { break }
      isFirst = false
      if take("&&") {
        if ignoresCase { set.ignoreCase() }
        if result == nil { result = set } else { result?.formIntersection(set) }
        set = ScalarSet()
        continue
      }
      if scalar == "[" {
        if peek(1) == ":" { throw Refusal(reason: "POSIX classes") }
        let inner = try characterClass()
        if set.isEmpty {
          set = inner
          continue
        }
        guard set.isPlain, set.formUnion(inner) else { throw Refusal(reason: "a negated class inside a class") }
        continue
      }
      guard set.isPlain else { throw Refusal(reason: "a negated class inside a class") }
      try classItem(into: &set)
    }
    index += 1
    if ignoresCase { set.ignoreCase() }
    if result != nil { result?.formIntersection(set) }
    var complete = result ?? set
    if isNegated { complete.negate() }
    return complete
  }

  private mutating func classItem(into set: inout ScalarSet) throws(Refusal) {
    guard let low = try classScalar(into: &set) else { return }
    guard peek() == "-", let next = peek(1), next != "]" else {
      set.insert(low...low)
      return
    }
    index += 1
    var other = ScalarSet()
    guard let high = try classScalar(into: &other), low <= high else { throw Refusal(reason: "a range that is none") }
    set.insert(low...high)
  }

  /// The scalar of a class item, or nil where it was a group of them, which is then in the set.
  private mutating func classScalar(into set: inout ScalarSet) throws(Refusal) -> UInt32? {
    guard let scalar = peek() else { throw Refusal(reason: "a class without an end") }
    guard scalar == "\\" else {
      index += 1
      return scalar.value
    }
    if peek(1) == "b" {
      index += 2
      return 0x08
    }
    let start = index
    var probe = ScalarSet()
    if try insertEscape(into: &probe) == .group {
      guard set.formUnion(probe) else { throw Refusal(reason: "a class") }
      return nil
    }
    index = start + 1
    guard let escaped = peek() else { throw Refusal(reason: "a backslash at the end") }
    index += 1
    return try escapedScalar(escaped)
  }
}
