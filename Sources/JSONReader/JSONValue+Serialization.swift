extension JSONValue {
  /// The document as text: keys in order, UTF-8 kept, numbers in the shortest form that reads back equal.
  ///
  /// Numbers that JSON cannot write (infinities, NaN) become `null`. `pretty` puts each entry on a line of its own,
  /// two spaces deeper than its parent.
  public func serialized(pretty: Bool = false) -> String {
    var text = ""
    write(into: &text, indentation: pretty ? 0 : nil)
    return text
  }

  private func write(into text: inout String, indentation: Int?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value): text += value.isFinite ? "\(value)" : "null"
    case .string(let value): Self.write(value, into: &text)
    case .array(let items):
      Self.write(items, brackets: ("[", "]"), into: &text, indentation) { item, text, inner in
        item.write(into: &text, indentation: inner)
      }
    case .object(let entries):
      Self.write(entries, brackets: ("{", "}"), into: &text, indentation) { entry, text, inner in
        Self.write(entry.key, into: &text)
        text += inner == nil ? ":" : ": "
        entry.value.write(into: &text, indentation: inner)
      }
    }
  }

  private static func write<Item>(
    _ items: [Item], brackets: (open: String, close: String), into text: inout String, _ indentation: Int?,
    item: (Item, inout String, Int?) -> Void
  ) {
    text += brackets.open
    let inner = indentation.map { $0 + 1 }
    for (index, entry) in items.enumerated() {
      if index > 0 { text += "," }
      if let inner { text += "\n" + String(repeating: "  ", count: inner) }
      item(entry, &text, inner)
    }
    if let indentation, !items.isEmpty { text += "\n" + String(repeating: "  ", count: indentation) }
    text += brackets.close
  }

  private static func write(_ string: String, into text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
