import Foundation

/// Width, alignment, sign, precision and type of one formatted value.
struct FormatSpecification {
  var fill: Unicode.Scalar = " "
  var alignment: Unicode.Scalar?
  var sign: Unicode.Scalar = "-"
  var width = 0
  var grouping: Unicode.Scalar?
  var precision: Int?
  var type: Unicode.Scalar?

  /// Reads Python's format mini-language, `[[fill]align][sign][0][width][,][.precision][type]`.
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
    if rest.first == "0" {
      rest.removeFirst()
      if alignment == nil { (fill, alignment) = ("0", "=") }
    }
    width = Self.takeNumber(&rest) ?? 0
    if let first = rest.first, first == "," || first == "_" { grouping = rest.removeFirst() }
    if rest.first == "." {
      rest.removeFirst()
      precision = Self.takeNumber(&rest)
    }
    type = rest.popFirst()
    guard rest.isEmpty else { throw TemplateError(.wrongValue, "Invalid format specifier '\(text)'") }
  }

  init() {}

  /// Reads the flags, width and precision of `%` formatting.
  mutating func readPrintf(_ text: String) throws {
    var rest = Array(text.unicodeScalars)[...]
    alignment = ">"
    while let flag = rest.first, "-+ 0#".unicodeScalars.contains(flag) {
      rest.removeFirst()
      if flag == "-" { alignment = "<" }
      if flag == "+" || flag == " " { sign = flag }
      if flag == "0", alignment != "<" { (fill, alignment) = ("0", "=") }
    }
    width = Self.takeNumber(&rest) ?? 0
    if rest.first == "." {
      rest.removeFirst()
      precision = Self.takeNumber(&rest) ?? 0
    }
    guard rest.isEmpty else { throw TemplateError(.wrongValue, "unsupported format '%\(text)'") }
  }

  private static func takeNumber(_ rest: inout ArraySlice<Unicode.Scalar>) -> Int? {
    let digits = rest.prefix(while: \.isDecimalDigit)
    rest = rest.dropFirst(digits.count)
    return digits.isEmpty ? nil : Int(String(scalars: digits)) ?? .max
  }

  /// The formatted value, at most `limit` bytes.
  func apply(_ value: TemplateValue, limit: Int) throws -> String {
    guard width <= limit, (precision ?? 0) <= limit else {
      throw TemplateError(.limitExceeded, "a formatted width is larger than \(limit)")
    }
    var prefix = ""
    var body: String
    var isNumber = true
    switch (type, value) {
    case (nil, .int(let integer)), ("d", .int(let integer)):
      (prefix, body) = (signText(integer < 0), grouped(String(integer.magnitude)))
    case ("x", .int(let integer)): (prefix, body) = (signText(integer < 0), String(integer.magnitude, radix: 16))
    case ("X", .int(let integer)):
      (prefix, body) = (signText(integer < 0), String(integer.magnitude, radix: 16, uppercase: true))
    case ("o", .int(let integer)): (prefix, body) = (signText(integer < 0), String(integer.magnitude, radix: 8))
    case ("b", .int(let integer)): (prefix, body) = (signText(integer < 0), String(integer.magnitude, radix: 2))
    case ("f", _) where value.number != nil, ("e", _) where value.number != nil, ("g", _) where value.number != nil,
      ("F", _) where value.number != nil, ("E", _) where value.number != nil, ("%", _) where value.number != nil:
      let number = value.number ?? 0
      let digits = min(precision ?? 6, 340)
      prefix = signText(number.sign == .minus)
      let scaled = number.magnitude * (type == "%" ? 100 : 1)
      let conversion = type == "%" ? "f" : String(type ?? "f")
      body = grouped(String(format: "%.\(digits)\(conversion)", scaled)) + (type == "%" ? "%" : "")
    case (nil, .double(let number)):
      prefix = signText(number.sign == .minus)
      body =
        precision.map { String(format: "%.\(min($0, 340))g", number.magnitude) }
        ?? number.magnitude.pythonRepresentation
    case (nil, _), ("s", _):
      isNumber = false
      body = value.printed
      if let precision { body = String(body.unicodeScalars.prefix(precision)) }
    default:
      throw TemplateError(
        .wrongValue, "Unknown format code '\(type ?? " ")' for object of type '\(value.typeName)'")
    }
    let missing = max(0, width - prefix.utf8.count - body.unicodeScalars.count)
    func pad(_ count: Int) -> String { String(repeating: String(fill), count: count) }
    switch alignment ?? (isNumber ? ">" : "<") {
    case "<": return prefix + body + pad(missing)
    case "^": return pad(missing / 2) + prefix + body + pad(missing - missing / 2)
    case "=": return prefix + pad(missing) + body
    default: return pad(missing) + prefix + body
    }
  }

  private func signText(_ isNegative: Bool) -> String { isNegative ? "-" : sign == "-" ? "" : String(sign) }

  private func grouped(_ digits: String) -> String {
    guard let grouping else { return digits }
    let whole = digits.prefix { $0.isNumber }
    var result = ""
    for (index, digit) in whole.enumerated() {
      if index > 0, (whole.count - index) % 3 == 0 { result.unicodeScalars.append(grouping) }
      result.append(digit)
    }
    return result + digits.dropFirst(whole.count)
  }
}
