/// Writes a value as Python's `json.dumps` does.
struct JSONTextWriter {
  var ensureASCII = false
  var indent: String?
  var itemSeparator = ", "
  var keySeparator = ": "
  var sortKeys = false
  /// The longest text, in bytes.
  var limit = Int.max

  /// The JSON text; throws `.wrongType` for a value JSON cannot hold.
  func text(of value: TemplateValue) throws -> TemplateText {
    var output = TemplateText()
    try write(value, level: 0, into: &output)
    return output
  }

  private func write(_ value: TemplateValue, level: Int, into output: inout TemplateText) throws {
    switch value {
    case .none: output.append("null")
    case .bool(let flag): output.append(flag ? "true" : "false")
    case .int(let integer): output.append(String(integer))
    case .bigInteger(let integer): output.append(integer.description)
    case .double(let number): output.append(literal(number))
    case .string(let text): output.append(quoted(text.string), isFromMessage: text.hasMarks)
    case .list(let list):
      guard list.isTuple || list.kind == .list else {
        throw TemplateError(.wrongType, "Object of type \(value.typeName) is not JSON serializable")
      }
      guard !list.items.isEmpty else {
        output.append("[]")
        return
      }
      output.append("[")
      for (index, item) in list.items.enumerated() {
        try separate(index, level + 1, into: &output)
        try write(item, level: level + 1, into: &output)
      }
      close(level, into: &output)
      output.append("]")
    case .dictionary(let dictionary):
      guard dictionary.count > 0 else {
        output.append("{}")
        return
      }
      var pairs = dictionary.pairs
      if sortKeys { pairs = try pairs.sortedStably { try $0.key.isLess(than: $1.key) } }
      output.append("{")
      for (index, pair) in pairs.enumerated() {
        try separate(index, level + 1, into: &output)
        let key = try key(pair.key)
        output.append(quoted(key.string), isFromMessage: key.hasMarks)
        output.append(keySeparator)
        try write(pair.value, level: level + 1, into: &output)
      }
      close(level, into: &output)
      output.append("}")
    case .undefined, .object:
      throw TemplateError(.wrongType, "Object of type \(value.typeName) is not JSON serializable")
    }
  }

  private func literal(_ number: Double) -> String {
    if number.isNaN { return "NaN" }
    if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
    return number.pythonRepresentation
  }

  private func key(_ key: TemplateValue) throws -> TemplateText {
    switch key {
    case .string(let text): text
    case .none: TemplateText("null")
    case .bool(let flag): TemplateText(flag ? "true" : "false")
    case .int(let integer): TemplateText(String(integer))
    case .bigInteger(let integer): TemplateText(integer.description)
    case .double(let number): TemplateText(literal(number))
    default:
      throw TemplateError(.wrongType, "keys must be str, int, float, bool or None, not \(key.typeName)")
    }
  }

  private func separate(_ index: Int, _ level: Int, into output: inout TemplateText) throws {
    guard output.count <= limit else {
      throw TemplateError(.limitExceeded, "tojson writes more than \(limit) bytes")
    }
    if index > 0 { output.append(itemSeparator) }
    if let indent { output.append("\n" + String(repeating: indent, count: level)) }
  }

  private func close(_ level: Int, into output: inout TemplateText) {
    if let indent { output.append("\n" + String(repeating: indent, count: level)) }
  }

  /// The text in quotes, escaped.
  private func quoted(_ text: String) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count + 2)
    bytes.append(UInt8(ascii: "\""))
    var rest = text.utf8[...]
    while let byte = rest.first {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case UInt8(ascii: "\n"): bytes += Array("\\n".utf8)
      case UInt8(ascii: "\r"): bytes += Array("\\r".utf8)
      case UInt8(ascii: "\t"): bytes += Array("\\t".utf8)
      case 0x08: bytes += Array("\\b".utf8)
      case 0x0c: bytes += Array("\\f".utf8)
      case 0..<0x20: bytes += Array(("\\u" + UInt32(byte).hexadecimal(width: 4)).utf8)
      case 0x7f... where ensureASCII:
        guard let scalar = text.unicodeScalars[rest.startIndex...].first else { break }
        for unit in String(scalar).utf16 { bytes += Array(("\\u" + UInt32(unit).hexadecimal(width: 4)).utf8) }
        rest = rest.dropFirst(scalar.utf8Width)
        continue
      default: bytes.append(byte)
      }
      rest = rest.dropFirst()
    }
    bytes.append(UInt8(ascii: "\""))
    return String(decoding: bytes, as: UTF8.self)
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
