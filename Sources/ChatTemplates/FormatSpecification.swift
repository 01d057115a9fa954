import Foundation

/// Width, alignment, sign, precision and type of one formatted value.
struct FormatSpecification {
  var fill: Unicode.Scalar = " "
  var alignment: Unicode.Scalar?
  var sign: Unicode.Scalar = "-"
  var isAlternate = false
  var width = 0
  var grouping: Unicode.Scalar?
  var precision: Int?
  var type: Unicode.Scalar?
  /// Whether missing digits are zeros, which are grouped like digits.
  var padsWithZeros = false

  /// Reads Python's format mini-language, `[[fill]align][sign][#][0][width][,][.precision][type]`.
  init(_ text: String) throws {
    var rest = Array(text.unicodeScalars)[...]
    let aligns: [Unicode.Scalar] = ["<", ">", "^", "="]
    if rest.count > 1, aligns.contains(rest[rest.startIndex + 1]) {
      fill = rest.removeFirst()
      alignment = rest.removeFirst()
    } else if let first = rest.first, aligns.contains(first) {
      alignment = rest.removeFirst()
    }
    if let first = rest.first, first == "+" || first == "-" || first == " " { sign = rest.removeFirst() }
    if rest.first == "#" {
      rest.removeFirst()
      isAlternate = true
    }
    if rest.first == "0" {
      rest.removeFirst()
      if fill == " " { fill = "0" }
      if alignment == nil { (alignment, padsWithZeros) = ("=", true) }
    }
    width = Self.takeNumber(&rest) ?? 0
    if let first = rest.first, first == "," || first == "_" { grouping = rest.removeFirst() }
    if rest.first == "." {
      rest.removeFirst()
      guard let digits = Self.takeNumber(&rest) else {
        throw TemplateError(.wrongValue, "Format specifier missing precision")
      }
      precision = digits
    }
    type = rest.popFirst()
    guard rest.isEmpty else { throw TemplateError(.wrongValue, "Invalid format specifier '\(text)'") }
  }

  init() {}

  /// Reads the flags of `%` formatting.
  mutating func readFlags(_ flags: some Sequence<Unicode.Scalar>) {
    alignment = ">"
    for flag in flags {
      switch flag {
      case "-": (fill, alignment) = (" ", "<")
      case "0": if alignment != "<" { (fill, alignment) = ("0", "=") }
      case "+": sign = "+"
      case " ": if sign != "+" { sign = " " }
      default: isAlternate = true
      }
    }
  }

  static func takeNumber(_ rest: inout ArraySlice<Unicode.Scalar>) -> Int? {
    let digits = rest.prefix(while: \.isDecimalDigit)
    rest = rest.dropFirst(digits.count)
    return digits.isEmpty ? nil : Int(String(scalars: digits)) ?? .max
  }

  /// The formatted value, at most `limit` bytes.
  func apply(_ value: TemplateValue, limit: Int) throws -> TemplateText {
    guard width <= limit, (precision ?? 0) <= limit, grouping == nil || width <= 1 << 20 else {
      throw TemplateError(.limitExceeded, "a formatted width is larger than \(limit)")
    }
    switch value {
    case .string(let text):
      guard type == nil || type == "s" else { throw unknownType(value) }
      guard sign == "-", alignment != "=" || padsWithZeros, grouping == nil, !isAlternate else {
        throw TemplateError(.wrongValue, "the format is not allowed for text")
      }
      let body = precision.map { text.slice(0..<text.byteOffset(ofScalar: $0)) } ?? text
      return padded("", body, isNumber: false)
    case .bool where type == nil && width == 0 && precision == nil: return value.printed
    case .bool, .int, .bigInteger:
      guard let integer = value.wholeNumber else { throw unknownType(value) }
      if let type, "eEfFgG%".unicodeScalars.contains(type) { return try formatted(integer.finiteDouble(), value) }
      return try formatted(integer, value)
    case .double(let number): return try formatted(number, value)
    default:
      throw TemplateError(.wrongType, "unsupported format string passed to \(value.typeName).__format__")
    }
  }

  private func unknownType(_ value: TemplateValue) -> TemplateError {
    TemplateError(.wrongValue, "Unknown format code '\(type ?? " ")' for object of type '\(value.typeName)'")
  }

  private func formatted(_ integer: BigInteger, _ value: TemplateValue) throws -> TemplateText {
    guard precision == nil else {
      throw TemplateError(.wrongValue, "Precision not allowed in integer format specifier")
    }
    let (prefix, digits): (String, String) =
      switch type {
      case nil, "d", "n": ("", integer.digits(radix: 10))
      case "x": ("0x", integer.digits(radix: 16))
      case "X": ("0X", integer.digits(radix: 16).uppercased())
      case "o": ("0o", integer.digits(radix: 8))
      case "b": ("0b", integer.digits(radix: 2))
      case "c": ("", try Self.character(integer))
      default: throw unknownType(value)
      }
    if type == "c" { return padded("", TemplateText(digits), isNumber: true) }
    let group = type == nil || type == "d" || type == "n" ? 3 : 4
    let head = signText(integer.isNegative) + (isAlternate ? prefix : "")
    return padded(head, TemplateText(grouped(digits, every: group, after: head)), isNumber: true)
  }

  static func character(_ code: BigInteger) throws -> String {
    guard let value = code.int.flatMap(UInt32.init(exactly:)), let scalar = Unicode.Scalar(value) else {
      throw TemplateError(.limitExceeded, "%c arg not in range(0x110000)")
    }
    return String(scalar)
  }

  private func formatted(_ number: Double, _ value: TemplateValue) throws -> TemplateText {
    let head = signText(number.sign == .minus && !number.isNaN)
    var body: String
    if let type {
      guard "eEfFgG%n".unicodeScalars.contains(type) else { throw unknownType(value) }
      let conversion = type == "%" ? "f" : type == "n" ? "g" : String(type)
      body = digits(number.magnitude * (type == "%" ? 100 : 1), conversion) + (type == "%" ? "%" : "")
    } else if precision != nil {
      body = digits(number.magnitude, "g")
      if number.isFinite, !body.contains("."), !body.contains("e") { body += ".0" }
    } else {
      body = number.magnitude.pythonRepresentation
    }
    return padded(head, TemplateText(grouped(body, every: 3, after: head)), isNumber: true)
  }

  /// The digits C's `printf` gives.
  private func digits(_ number: Double, _ conversion: String) -> String {
    if !number.isFinite {
      let text = number.isNaN ? "nan" : "inf"
      return conversion.first?.isUppercase == true ? text.uppercased() : text
    }
    // Beyond 1100 digits the expansion of a double has only zeros.
    let asked = precision ?? 6
    let exact = min(asked, 1100)
    let text = String(format: "%\(isAlternate ? "#" : "").\(exact)\(conversion)", number)
    guard asked > exact, conversion.lowercased() == "f" else { return text }
    return text + String(repeating: "0", count: asked - exact)
  }

  private func padded(_ head: String, _ body: TemplateText, isNumber: Bool) -> TemplateText {
    let missing = max(0, width - head.utf8.count - body.string.scalarCount)
    func pad(_ count: Int) -> TemplateText { TemplateText(String(fill)).repeated(count) }
    switch alignment ?? (isNumber ? ">" : "<") {
    case "<",
      "=" where !isNumber:
      return .joined([TemplateText(head), body, pad(missing)])
    case "^": return .joined([pad(missing / 2), TemplateText(head), body, pad(missing - missing / 2)])
    case "=": return .joined([TemplateText(head), pad(missing), body])
    default: return .joined([pad(missing), TemplateText(head), body])
    }
  }

  private func signText(_ isNegative: Bool) -> String { isNegative ? "-" : sign == "-" ? "" : String(sign) }

  /// The digits with separators; zeros that fill the width are separated too.
  private func grouped(_ digits: String, every size: Int, after head: String) -> String {
    guard let grouping else { return digits }
    var whole = Array(digits.unicodeScalars.prefix { $0.properties.isASCIIHexDigit })
    let rest = String(digits.dropFirst(whole.count))
    func length(_ count: Int) -> Int { count + (count - 1) / size }
    if padsWithZeros {
      let room = width - head.utf8.count - rest.utf8.count
      var count = whole.count
      while length(count) < room { count += 1 }
      whole = Array(repeating: "0", count: count - whole.count) + whole
    }
    var result = String.UnicodeScalarView()
    for (index, digit) in whole.enumerated() {
      if index > 0, (whole.count - index) % size == 0 { result.append(grouping) }
      result.append(digit)
    }
    return String(result) + rest
  }
}
