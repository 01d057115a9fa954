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

  private mutating func lexNumber() throws {
    let start = position
    if source[position] == "0", let base = scalar(at: position + 1), let radix = Self.radix(base) {
      position += 2
      let digits = takeDigits { $0.properties.isASCIIHexDigit }
      guard let value = Int(digits, radix: radix) else { throw badNumber(start) }
      return emit(.integer(value))
    }
    var text = takeDigits(\.isDecimalDigit)
    var isDouble = false
    if scalar(at: position) == ".", scalar(at: position + 1)?.isDecimalDigit == true,
      start == 0 || source[start - 1] != "."
    {
      position += 1
      text += "." + takeDigits(\.isDecimalDigit)
      isDouble = true
    }
    if let mark = scalar(at: position), mark == "e" || mark == "E" {
      var next = position + 1
      if let sign = scalar(at: next), sign == "+" || sign == "-" { next += 1 }
      if scalar(at: next)?.isDecimalDigit == true {
        text += String(scalars: source[position..<next])
        position = next
        text += takeDigits(\.isDecimalDigit)
        isDouble = true
      }
    }
    if isDouble, let value = Double(text) { return emit(.double(value)) }
    guard !isDouble, let value = Int(text) else { throw badNumber(start) }
    emit(.integer(value))
  }

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

  private mutating func takeDigits(_ isDigit: (Unicode.Scalar) -> Bool) -> String {
    var digits = ""
    while let next = scalar(at: position), isDigit(next) || next == "_" {
      if next != "_" { digits.unicodeScalars.append(next) }
      position += 1
    }
    return digits
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
