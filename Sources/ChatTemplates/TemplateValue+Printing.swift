extension TemplateValue {
  /// Python's `str()`: what `{{ value }}` writes.
  var printed: TemplateText {
    switch self {
    case .undefined: TemplateText()
    case .string(let text): text
    default: representation
    }
  }

  /// Python's `repr()`: how a value prints inside a list.
  var representation: TemplateText {
    var text = TemplateText()
    represent(into: &text)
    return text
  }

  private func represent(into text: inout TemplateText) {
    switch self {
    case .undefined: text.append("Undefined")
    case .none: text.append("None")
    case .bool(let value): text.append(value ? "True" : "False")
    case .int(let value): text.append(String(value))
    case .bigInteger(let value): text.append(value.description)
    case .double(let value): text.append(value.pythonRepresentation)
    case .string(let value):
      let quoted = value.string.pythonRepresentation
      text.append(value.isMarkup ? "Markup(\(quoted))" : quoted, isFromMessage: value.hasMarks)
    case .list(let list): list.represent(into: &text)
    case .dictionary(let dictionary):
      text.append("{")
      for (index, key) in dictionary.keys.enumerated() {
        if index > 0 { text.append(", ") }
        key.represent(into: &text)
        text.append(": ")
        dictionary.values[index].represent(into: &text)
      }
      text.append("}")
    case .object(let object): text.append(object.printed)
    }
  }
}

extension TemplateList {
  fileprivate func represent(into text: inout TemplateText) {
    if let bounds {
      text.append("range(\(bounds.start), \(bounds.stop)\(bounds.step == 1 ? "" : ", \(bounds.step)"))")
      return
    }
    switch kind {
    case .tuple, .group: text.append("(")
    case .list, .range: text.append("[")
    case .keys, .values, .pairs: text.append(kind.rawValue + "([")
    }
    for (index, item) in items.enumerated() {
      if index > 0 { text.append(", ") }
      text.append(item.representation)
    }
    switch kind {
    case .tuple, .group: text.append(items.count == 1 ? ",)" : ")")
    case .list, .range: text.append("]")
    case .keys, .values, .pairs: text.append("])")
    }
  }
}

extension Double {
  /// Python's `repr(float)`: shortest digits that read back, an exponent outside 1e-4 ..< 1e16.
  var pythonRepresentation: String {
    if isNaN { return "nan" }
    if isInfinite { return self < 0 ? "-inf" : "inf" }
    let sign = self.sign == .minus ? "-" : ""
    if self == 0 { return sign + "0.0" }
    let parts = magnitude.description.split(separator: "e")
    let point = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let whole = String(point[0])
    let fraction = point.count > 1 ? String(point[1]) : ""
    let written = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    let all = whole + fraction
    let leadingZeros = all.prefix { $0 == "0" }.count
    var digits = String(all.dropFirst(leadingZeros))
    while digits.count > 1, digits.last == "0" { digits.removeLast() }
    let exponent = written + whole.count - 1 - leadingZeros
    if exponent < -4 || exponent >= 16 {
      let tail = digits.dropFirst()
      let exponentDigits = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
      return sign + digits.prefix(1) + (tail.isEmpty ? "" : "." + tail) + "e" + (exponent < 0 ? "-" : "+")
        + exponentDigits
    }
    if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
    if digits.count <= exponent + 1 {
      return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
    }
    return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
  }
}

extension String {
  /// Python's `repr(str)`.
  var pythonRepresentation: String {
    let scalars = unicodeScalars
    let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
    var result = String.UnicodeScalarView()
    result.append(quote)
    for scalar in scalars {
      switch scalar {
      case "\\", quote:
        result.append("\\")
        result.append(scalar)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      case "\r": result.append(contentsOf: "\\r".unicodeScalars)
      case "\t": result.append(contentsOf: "\\t".unicodeScalars)
      default:
        if scalar.isPythonPrintable {
          result.append(scalar)
        } else {
          result.append(contentsOf: scalar.pythonEscape.unicodeScalars)
        }
      }
    }
    result.append(quote)
    return String(result)
  }
}

extension String {
  /// Python's `ascii()` of a text that `repr()` gave: scalars beyond ASCII become escapes.
  var pythonASCII: String {
    unicodeScalars.reduce(into: "") { result, scalar in
      result += scalar.isASCII ? String(scalar) : scalar.pythonEscape
    }
  }
}

extension Unicode.Scalar {
  /// `\x`, `\u` or `\U` with the value.
  var pythonEscape: String {
    if value < 0x100 { return "\\x" + value.hexadecimal(width: 2) }
    return value < 0x1_0000 ? "\\u" + value.hexadecimal(width: 4) : "\\U" + value.hexadecimal(width: 8)
  }

  var isPythonPrintable: Bool {
    if value >= 0x20, value < 0x7f { return true }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator:
      return false
    default: return true
    }
  }

  /// Python's `str.isspace` of one scalar, which is also `\s` of its regular expressions.
  var isPythonSpace: Bool {
    if value < 0x80 { return value == 0x20 || (9...13).contains(value) || (0x1c...0x1f).contains(value) }
    return properties.isWhitespace
  }
}

extension UInt32 {
  func hexadecimal(width: Int) -> String {
    let digits = String(self, radix: 16)
    return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
  }
}
