/// Python's `%` formatting of strings.
struct PrintfFormat {
  private let value: TemplateValue
  private let arguments: [TemplateValue]
  private var next = 0
  private let limit: Int

  /// The text of `format % value`; throws `.wrongType` or `.wrongValue` as Python does.
  static func format(_ format: TemplateText, _ value: TemplateValue, limit: Int) throws -> TemplateText {
    var formatter = PrintfFormat(value, limit)
    return try formatter.run(format)
  }

  private init(_ value: TemplateValue, _ limit: Int) {
    self.value = value
    self.limit = limit
    if case .list(let list) = value, list.isTuple { arguments = list.items } else { arguments = [value] }
  }

  private mutating func run(_ format: TemplateText) throws -> TemplateText {
    var result = TemplateText()
    var scalars = Array(format.string.unicodeScalars)[...]
    var (offset, plain) = (0, 0)
    while let scalar = scalars.popFirst() {
      defer { offset += scalar.utf8Width }
      guard scalar == "%" else { continue }
      result.append(format.slice(plain..<offset))
      let before = scalars
      try convert(&scalars, into: &result)
      guard result.count <= limit else {
        throw TemplateError(.limitExceeded, "a formatted text is larger than \(limit)")
      }
      offset += before.prefix(before.count - scalars.count).reduce(0) { $0 + $1.utf8Width }
      plain = offset + 1
    }
    result.append(format.slice(plain..<format.count))
    var takesAny = false
    switch value {
    case .dictionary: takesAny = true
    case .list(let list): takesAny = !list.isTuple && next == 0
    default: break
    }
    guard next == arguments.count || takesAny else {
      throw TemplateError(.wrongType, "not all arguments converted during string formatting")
    }
    return result
  }

  private mutating func argument() throws -> TemplateValue {
    guard next < arguments.count else {
      throw TemplateError(.wrongType, "not enough arguments for format string")
    }
    next += 1
    return arguments[next - 1]
  }

  /// A number, or an argument for `*`.
  private mutating func number(_ scalars: inout ArraySlice<Unicode.Scalar>) throws -> Int? {
    guard scalars.first == "*" else { return FormatSpecification.takeNumber(&scalars) }
    scalars.removeFirst()
    guard let number = try argument().position else { throw TemplateError(.wrongType, "* wants int") }
    return number
  }

  private mutating func convert(_ scalars: inout ArraySlice<Unicode.Scalar>, into result: inout TemplateText) throws {
    var key: TemplateValue?
    if scalars.first == "(" {
      guard let end = scalars.firstIndex(of: ")") else {
        throw TemplateError(.wrongValue, "incomplete format key")
      }
      guard case .dictionary = value else { throw TemplateError(.wrongType, "format requires a mapping") }
      let name = String(scalars: scalars[(scalars.startIndex + 1)..<end])
      guard let found = value[name] else { throw TemplateError(.wrongValue, "missing key '\(name)'") }
      key = found
      scalars = scalars[(end + 1)...]
    }
    var specification = FormatSpecification()
    let flags = scalars.prefix { "-+ 0#".unicodeScalars.contains($0) }
    specification.readFlags(flags)
    scalars = scalars.dropFirst(flags.count)
    let width = try number(&scalars) ?? 0
    specification.width = width.magnitude > UInt(Int.max) ? .max : abs(width)
    if width < 0 { specification.alignment = "<" }
    if scalars.first == "." {
      scalars.removeFirst()
      specification.precision = max(0, try number(&scalars) ?? 0)
    }
    while let size = scalars.first, size == "l" || size == "h" || size == "L" { scalars.removeFirst() }
    guard let conversion = scalars.popFirst() else { throw TemplateError(.wrongValue, "incomplete format") }
    if conversion == "%" {
      result.append("%")
      return
    }
    let operand = try key ?? argument()
    result.append(try text(of: operand, conversion, &specification))
  }

  private func text(
    of operand: TemplateValue, _ conversion: Unicode.Scalar, _ specification: inout FormatSpecification
  ) throws -> TemplateText {
    switch conversion {
    case "s", "r", "a":
      var text = conversion == "s" ? operand.printed : operand.representation
      if conversion == "a" { text = .derived(text.string.pythonASCII, from: text) }
      specification.sign = "-"
      specification.isAlternate = false
      if specification.alignment == "=" { (specification.fill, specification.alignment) = (" ", ">") }
      return try specification.apply(.string(text), limit: limit)
    case "c":
      var text: TemplateText
      switch operand {
      case .string(let character) where character.string.scalarCount == 1: text = character
      default:
        guard let code = operand.wholeNumber else { throw TemplateError(.wrongType, "%c requires int or char") }
        text = TemplateText(try FormatSpecification.character(code))
      }
      if specification.alignment == "=" { (specification.fill, specification.alignment) = (" ", ">") }
      specification.sign = "-"
      text = try specification.apply(.string(text), limit: limit)
      return text
    case "d", "i", "u", "x", "X", "o":
      let isDecimal = conversion == "d" || conversion == "i" || conversion == "u"
      var integer = operand.wholeNumber
      if integer == nil, isDecimal, case .double(let number) = operand {
        guard number.isFinite else { throw TemplateError(.wrongValue, "cannot convert float to integer") }
        integer = BigInteger(number)
      }
      guard let integer else {
        throw TemplateError(.wrongType, "%\(conversion) format: a number is required, not \(operand.typeName)")
      }
      specification.type = isDecimal ? "d" : conversion
      return try digits(integer, &specification)
    case "e", "E", "f", "F", "g", "G":
      guard let number = operand.number else {
        throw TemplateError(.wrongType, "must be real number, not \(operand.typeName)")
      }
      specification.type = conversion
      if specification.precision == nil { specification.precision = 6 }
      return try specification.apply(.double(number), limit: limit)
    default: throw TemplateError(.wrongValue, "unsupported format character '\(conversion)'")
    }
  }

  /// An integer, whose precision is its least number of digits.
  private func digits(_ integer: BigInteger, _ specification: inout FormatSpecification) throws -> TemplateText {
    guard let precision = specification.precision else {
      return try specification.apply(TemplateValue(integer), limit: limit)
    }
    guard precision <= limit else {
      throw TemplateError(.limitExceeded, "a formatted width is larger than \(limit)")
    }
    var inner = specification
    inner.precision = nil
    (inner.fill, inner.alignment) = ("0", "=")
    let head = (integer.isNegative || specification.sign != "-" ? 1 : 0) + (specification.isAlternate ? 2 : 0)
    inner.width = precision + (specification.type == "d" && specification.isAlternate ? head - 2 : head)
    let number = try inner.apply(TemplateValue(integer), limit: limit + 3)
    var outer = FormatSpecification()
    outer.width = specification.width
    outer.alignment = specification.alignment == "=" ? ">" : specification.alignment
    return try outer.apply(.string(number), limit: limit)
  }
}
