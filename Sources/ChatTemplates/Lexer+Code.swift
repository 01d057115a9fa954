extension Lexer {
  private static let symbols = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=",
    ".", ":", "|", ",", ";",
  ]

  /// The tokens of one `{{ }}` or `{% %}`, up to and with its end.
  mutating func lexCode(isBlock: Bool) throws {
    emit(isBlock ? .blockBegin : .variableBegin)
    var open: [String] = []
    while true {
      skipSpace()
      guard let next = scalar(at: position) else {
        throw TemplateError(.syntax, "the template ends inside a tag", line: line)
      }
      if open.isEmpty, takeEnd(isBlock ? "%}" : "}}", trims: isBlock) {
        emit(isBlock ? .blockEnd : .variableEnd)
        return
      }
      if next == "'" || next == "\"" {
        try lexString(quote: next)
      } else if next.isDecimalDigit {
        try lexNumber()
      } else if next == "_" || next.properties.isXIDStart {
        let start = position
        while let part = scalar(at: position), part == "_" || part.properties.isXIDContinue { position += 1 }
        emit(.name(String(scalars: source[start..<position])))
      } else if let symbol = Self.symbols.first(where: { starts(with: $0, at: position) }) {
        try balance(symbol, &open)
        position += symbol.utf8.count
        emit(.symbol(symbol))
      } else {
        throw TemplateError(.syntax, "unexpected char '\(next)'", line: line)
      }
    }
  }

  private func balance(_ symbol: String, _ open: inout [String]) throws {
    switch symbol {
    case "(": open.append(")")
    case "[": open.append("]")
    case "{": open.append("}")
    case ")", "]", "}":
      guard open.popLast() == symbol else { throw TemplateError(.syntax, "unexpected '\(symbol)'", line: line) }
    default: break
    }
  }

  /// A floating-point number where one stands here, else an integer: binary, octal, hexadecimal, zeros, or decimal.
  private mutating func lexNumber() throws {
    let start = position
    if start == 0 || source[start - 1] != ".", let end = doubleEnd(start) {
      position = end
      guard let value = Double(digits(start..<end)) else { throw badNumber(start) }
      return emit(.double(value))
    }
    if source[start] == "0", let radix = scalar(at: start + 1).flatMap(Self.radix) {
      let first = start + 2 + (scalar(at: start + 2) == "_" ? 1 : 0)
      let end = digitsEnd(first) { UInt32(String($0), radix: radix) != nil }
      if end > first {
        position = end
        return try lexInteger(first..<end, radix: radix)
      }
    }
    position = source[start] == "0" ? digitsEnd(start) { $0 == "0" } : digitsEnd(start, \.isDecimalDigit)
    try lexInteger(start..<position, radix: 10)
  }

  private mutating func lexInteger(_ range: Range<Int>, radix: Int) throws {
    do {
      guard let value = try BigInteger(digits: digits(range).utf8, radix: radix) else {
        throw badNumber(range.lowerBound)
      }
      emit(.integer(value))
    } catch let error as TemplateError { throw error.at(line: line) }
  }

  private func doubleEnd(_ start: Int) -> Int? {
    var end = digitsEnd(start, \.isDecimalDigit)
    var isDouble = false
    if scalar(at: end) == "." {
      let fractionEnd = digitsEnd(end + 1, \.isDecimalDigit)
      if fractionEnd > end + 1 { (end, isDouble) = (fractionEnd, true) }
    }
    if let mark = scalar(at: end), mark == "e" || mark == "E" {
      let sign = scalar(at: end + 1)
      let first = end + (sign == "+" || sign == "-" ? 2 : 1)
      let exponentEnd = digitsEnd(first, \.isDecimalDigit)
      if exponentEnd > first { (end, isDouble) = (exponentEnd, true) }
    }
    return isDouble ? end : nil
  }

  /// The end of a run of digits with single underscores between them.
  private func digitsEnd(_ start: Int, _ isDigit: (Unicode.Scalar) -> Bool) -> Int {
    var end = start
    while let next = scalar(at: end) {
      if isDigit(next) {
        end += 1
      } else if next == "_", end > start, let after = scalar(at: end + 1), isDigit(after) {
        end += 2
      } else {
        break
      }
    }
    return end
  }

  private func digits(_ range: Range<Int>) -> String { String(scalars: source[range].filter { $0 != "_" }) }

  private func badNumber(_ start: Int) -> TemplateError {
    TemplateError(.syntax, "the number '\(String(scalars: source[start..<position]))' cannot be read", line: line)
  }

  private static func radix(_ mark: Unicode.Scalar) -> Int? {
    switch mark {
    case "x", "X": 16
    case "o", "O": 8
    case "b", "B": 2
    default: nil
    }
  }

  private mutating func lexString(quote: Unicode.Scalar) throws {
    position += 1
    var text = String.UnicodeScalarView()
    while let next = scalar(at: position) {
      position += 1
      if next == quote { return emit(.string(String(text))) }
      if next == "\n" { line += 1 }
      guard next == "\\" else {
        text.append(next)
        continue
      }
      text.append(contentsOf: try lexEscape())
    }
    throw TemplateError(.syntax, "a string does not end", line: line)
  }

  /// Python's `unicode-escape` codec; an unknown escape stays as written.
  private mutating func lexEscape() throws -> [Unicode.Scalar] {
    guard let mark = scalar(at: position) else { throw TemplateError(.syntax, "a string does not end", line: line) }
    position += 1
    switch mark {
    case "n": return ["\n"]
    case "t": return ["\t"]
    case "r": return ["\r"]
    case "a": return ["\u{7}"]
    case "b": return ["\u{8}"]
    case "f": return ["\u{c}"]
    case "v": return ["\u{b}"]
    case "\n":
      line += 1
      return []
    case "\\", "'", "\"": return [mark]
    case "x": return [try code(digits: 2)]
    case "u": return [try code(digits: 4)]
    case "U": return [try code(digits: 8)]
    case "N": throw TemplateError(.unsupported, "names like \\N{BULLET} are not known; write \\u2022", line: line)
    case "0"..."7":
      var value = mark.value - 0x30
      var count = 1
      while count < 3, let next = scalar(at: position), ("0"..."7").contains(next) {
        value = value * 8 + next.value - 0x30
        position += 1
        count += 1
      }
      return [Unicode.Scalar(value) ?? "\u{fffd}"]
    default: return ["\\", mark]
    }
  }

  private mutating func code(digits: Int) throws -> Unicode.Scalar {
    let end = position + digits
    guard end <= source.count, let value = UInt32(String(scalars: source[position..<end]), radix: 16) else {
      throw TemplateError(.syntax, "truncated escape in a string", line: line)
    }
    position = end
    return Unicode.Scalar(value) ?? "\u{fffd}"
  }
}

extension Unicode.Scalar {
  var isDecimalDigit: Bool { (0x30...0x39).contains(value) }
}
