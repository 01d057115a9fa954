import Foundation

extension Filters {
  static func number(
    _ filter: Filter, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    switch filter {
    case .int:
      let standard = arguments.value(0, "default") ?? .int(0)
      return try integer(value, base: arguments.integer(1, "base", default: 10)).map { TemplateValue($0) } ?? standard
    case .float:
      if case .undefined(let undefined) = value { throw undefined.error }
      if case .bigInteger(let integer) = value { return .double(try integer.finiteDouble()) }
      return (value.number ?? value.text.flatMap(double)).map { .double($0) }
        ?? arguments.value(0, "default") ?? .double(0)
    case .abs:
      if let integer = value.wholeNumber { return TemplateValue(integer.isNegative ? -integer : integer) }
      guard let number = value.number else {
        throw TemplateError(.wrongType, "bad operand type for abs(): '\(value.typeName)'")
      }
      return .double(number.magnitude)
    case .round: return try rounded(value, arguments)
    default: return .string(try fileSize(value, arguments))
    }
  }

  /// Python's `float` of a text: underscores between digits, no hexadecimal.
  private static func double(_ text: String) -> Double? {
    let stripped = TemplateText(text).stripped(left: true, right: true, \.isPythonSpace).string
    guard let digits = withoutUnderscores(stripped), !digits.contains(where: { $0 == "x" || $0 == "X" }) else {
      return nil
    }
    let isNamed = ["inf", "infinity", "nan"].contains(digits.lowercased().drop { $0 == "+" || $0 == "-" })
    guard isNamed || digits.unicodeScalars.allSatisfy({ $0.isDecimalDigit || "+-.eE".unicodeScalars.contains($0) })
    else { return nil }
    return Double(digits.hasSuffix(".") ? digits + "0" : digits)
  }

  /// The digits with other scripts' digits replaced and single underscores between digits removed.
  private static func withoutUnderscores(_ text: String) -> String? {
    var result = String.UnicodeScalarView()
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      if scalar == "_" {
        guard let previous, previous != "_", previous.isASCII, previous.properties.isASCIIHexDigit else { return nil }
      } else if scalar.properties.numericType == .decimal, let value = scalar.properties.numericValue,
        let digit = Unicode.Scalar(UInt32(0x30 + value))
      {
        result.append(digit)
      } else {
        if previous == "_", !scalar.properties.isASCIIHexDigit { return nil }
        result.append(scalar)
      }
      previous = scalar
    }
    return previous == "_" ? nil : String(result)
  }

  private static func integer(_ value: TemplateValue, base: Int) throws -> BigInteger? {
    switch value {
    case .undefined(let undefined): throw undefined.error
    case .double(let number):
      guard number.isFinite else {
        if number.isNaN { return nil }
        throw TemplateError(.limitExceeded, "cannot convert float infinity to integer")
      }
      return BigInteger(number)
    case .string(let text): return try integer(of: text.string, base: base)
    default: return value.wholeNumber
    }
  }

  private static func integer(of text: String, base: Int) throws -> BigInteger? {
    let stripped = TemplateText(text).stripped(left: true, right: true, \.isPythonSpace).string
    guard base == 0 || (2...36).contains(base) else {
      throw TemplateError(.wrongValue, "int() base must be >= 2 and <= 36, or 0")
    }
    if var digits = withoutUnderscores(stripped)?.lowercased() {
      let isNegative = digits.hasPrefix("-")
      if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
      var radix = base
      for (prefix, size) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) && base != 10 {
        guard base == size || base == 0 else { continue }
        radix = size
        digits.removeFirst(2)
      }
      if let integer = try BigInteger(digits: digits.utf8, radix: radix == 0 ? 10 : radix, isNegative: isNegative) {
        return integer
      }
    }
    return try double(text).flatMap { try integer(.double($0), base: 10) }
  }

  private static func rounded(_ value: TemplateValue, _ arguments: CallArguments) throws -> TemplateValue {
    let method = try arguments.text(1, "method", default: "common").string
    guard ["common", "ceil", "floor"].contains(method) else {
      throw TemplateError(.wrongValue, "method must be common, ceil or floor")
    }
    guard let number = value.number else {
      throw TemplateError(.wrongType, "type \(value.typeName) doesn't define __round__ method")
    }
    let precision = try arguments.integer(0, "precision", default: 0)
    let digits = max(-400, min(400, precision))
    if method == "common" {
      if let integer = value.wholeNumber { return TemplateValue(rounded(integer, precision)) }
      guard number.isFinite, digits <= 330 else { return value }
      // Python rounds the exact decimal expansion, which printf does too.
      if digits >= 0 { return .double(Double(String(format: "%.\(digits)f", number)) ?? number) }
      if digits < -308 { return .double(number < 0 ? -0.0 : 0) }
      let scale = pow(10, Double(-digits))
      return .double((number / scale).rounded(.toNearestOrEven) * scale)
    }
    let scale = pow(10, Double(digits))
    let scaled = number * scale
    let rounded = scaled.rounded(method == "ceil" ? .up : .down)
    guard scaled.isFinite, scale > 0 else {
      throw TemplateError(.limitExceeded, "cannot round to \(precision) digits")
    }
    return .double(rounded / scale)
  }

  /// An integer to the nearest multiple of a power of ten, ties to the even multiple.
  private static func rounded(_ integer: BigInteger, _ digits: Int) -> BigInteger {
    guard digits < 0 else { return integer }
    // No integer here has as many digits as that.
    guard digits > -TemplateLimits.maximumIntegerBits / 3 else { return BigInteger(0) }
    let unit = (0..<(-digits)).reduce(BigInteger(1)) { unit, _ in unit * BigInteger(10) }
    let (quotient, rest) = integer.flooredDivision(by: unit)
    let isUp = unit < rest + rest || (unit == rest + rest && (quotient.words.first ?? 0) % 2 == 1)
    return (isUp ? quotient + BigInteger(1) : quotient) * unit
  }

  private static func fileSize(_ value: TemplateValue, _ arguments: CallArguments) throws -> String {
    if case .undefined(let undefined) = value { throw undefined.error }
    guard let size = value.number ?? value.text.flatMap(double) else {
      throw TemplateError(.wrongValue, "could not convert string to float")
    }
    let isBinary = arguments.flag(0, "binary")
    let base: Double = isBinary ? 1024 : 1000
    if size == 1 { return "1 Byte" }
    if size < base { return "\(size.isFinite ? String(format: "%.0f", size.rounded(.towardZero)) : "inf") Bytes" }
    let units =
      isBinary
      ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    var unit = base
    for (index, name) in units.enumerated() {
      unit *= base
      if size < unit || index == units.count - 1 { return String(format: "%.1f", base * size / unit) + " " + name }
    }
    return ""
  }
}
