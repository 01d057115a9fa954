/// Writes a value as Python's `json.dumps` does.
struct JSONTextWriter {
  var ensureASCII = false
  var indent: String?
  var itemSeparator = ", "
  var keySeparator = ": "
  var sortKeys = false

  /// The JSON text; throws `.wrongType` for a value JSON cannot hold.
  func text(of value: TemplateValue) throws -> String {
    var output = ""
    try write(value, level: 0, into: &output)
    return output
  }

  private func write(_ value: TemplateValue, level: Int, into output: inout String) throws {
    switch value {
    case .none: output += "null"
    case .bool(let flag): output += flag ? "true" : "false"
    case .int(let integer): output += String(integer)
    case .double(let number): output += literal(number)
    case .string(let text): write(text, into: &output)
    case .list(let list):
      guard !list.items.isEmpty else {
        output += "[]"
        return
      }
      output += "["
      for (index, item) in list.items.enumerated() {
        separate(index, level + 1, into: &output)
        try write(item, level: level + 1, into: &output)
      }
      close(level, into: &output)
      output += "]"
    case .dictionary(let dictionary):
      guard dictionary.count > 0 else {
        output += "{}"
        return
      }
      var pairs = dictionary.pairs
      if sortKeys { pairs = try pairs.sortedStably { try $0.key.isLess(than: $1.key) } }
      output += "{"
      for (index, pair) in pairs.enumerated() {
        separate(index, level + 1, into: &output)
        write(try key(pair.key), into: &output)
        output += keySeparator
        try write(pair.value, level: level + 1, into: &output)
      }
      close(level, into: &output)
      output += "}"
    case .undefined, .object:
      throw TemplateError(.wrongType, "Object of type \(value.typeName) is not JSON serializable")
    }
  }

  private func literal(_ number: Double) -> String {
    if number.isNaN { return "NaN" }
    if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
    return number.pythonRepresentation
  }

  private func key(_ key: TemplateValue) throws -> String {
    switch key {
    case .string(let text): text
    case .none: "null"
    case .bool(let flag): flag ? "true" : "false"
    case .int(let integer): String(integer)
    case .double(let number): literal(number)
    default:
      throw TemplateError(.wrongType, "keys must be str, int, float, bool or None, not \(key.typeName)")
    }
  }

  private func separate(_ index: Int, _ level: Int, into output: inout String) {
    if index > 0 { output += itemSeparator }
    if let indent { output += "\n" + String(repeating: indent, count: level) }
  }

  private func close(_ level: Int, into output: inout String) {
    if let indent { output += "\n" + String(repeating: indent, count: level) }
  }

  private func write(_ text: String, into output: inout String) {
    output += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case "\u{8}": output += "\\b"
      case "\u{c}": output += "\\f"
      default:
        if scalar.value < 0x20 || (ensureASCII && scalar.value > 0x7e) {
          for unit in String(scalar).utf16 { output += "\\u" + UInt32(unit).hexadecimal(width: 4) }
        } else {
          output.unicodeScalars.append(scalar)
        }
      }
    }
    output += "\""
  }
}

extension Array {
  /// Sorted so that equal elements keep their order, as Python's sort does; Swift's sort does not promise it.
  func sortedStably(_ isLess: (Element, Element) throws -> Bool) rethrows -> [Element] {
    guard count > 1 else { return self }
    let left = try Array(self[..<(count / 2)]).sortedStably(isLess)
    let right = try Array(self[(count / 2)...]).sortedStably(isLess)
    var merged: [Element] = []
    merged.reserveCapacity(count)
    var (i, j) = (0, 0)
    while i < left.count, j < right.count {
      if try isLess(right[j], left[i]) {
        merged.append(right[j])
        j += 1
      } else {
        merged.append(left[i])
        i += 1
      }
    }
    return merged + left[i...] + right[j...]
  }
}
