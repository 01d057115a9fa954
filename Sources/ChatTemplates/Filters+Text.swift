import Foundation

extension Filters {
  static func text(
    _ name: String, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue? {
    switch name {
    case "upper", "lower", "capitalize":
      return .string(StringMethods.changeCase(name, value.printed))
    case "title": return .string(title(value.printed))
    case "trim":
      let call = CallArguments(positional: arguments.value(0, "chars").map { [$0] } ?? [])
      return try StringMethods.call("strip", on: value.printed, call, interpreter)
    case "string", "safe": return .string(value.printed)
    case "escape", "e", "forceescape": return .string(escaped(value.printed))
    case "replace":
      return .string(
        try value.printed.replacing(
          arguments.text(0, "old"), arguments.text(1, "new"), limit: limit(arguments), interpreter))
    case "indent": return .string(try indent(value.printed, arguments, interpreter))
    case "tojson": return .string(try json(value, arguments))
    case "format":
      let operand: TemplateValue =
        arguments.named.isEmpty
        ? .tuple(arguments.positional) : .dictionary(arguments.named.map { ($0.name, $0.value) })
      return .string(try PrintfFormat.format(value.printed, operand, limit: interpreter.limits.outputBytes))
    case "center":
      let width = try arguments.integer(0, "width", default: 80)
      return try StringMethods.call("center", on: value.printed, CallArguments(positional: [.int(width)]), interpreter)
    case "wordcount":
      return .int(
        value.printed.unicodeScalars.split { !($0 == "_" || $0.isPythonLetter || $0.properties.numericType != nil) }
          .count)
    case "truncate": return .string(try truncated(value.printed, arguments))
    case "urlencode": return .string(urlEncoded(value))
    case "striptags":
      let bare = value.printed.replacingOccurrences(of: "<[^>]*>", with: "", options: .regularExpression)
      return .string(
        bare.unicodeScalars.split(whereSeparator: \.isPythonSpace).map { String($0) }.joined(separator: " "))
    default: return nil
    }
  }

  private static func limit(_ arguments: CallArguments) throws -> Int {
    guard let count = arguments.value(2, "count"), !count.isNone else { return -1 }
    return try arguments.integer(2, "count")
  }

  /// Jinja's `title`: a word starts after white space, `-`, `(`, `{`, `[` or `<`.
  private static func title(_ text: String) -> String {
    var result = ""
    var startsWord = true
    for scalar in text.unicodeScalars {
      result += startsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
      startsWord = scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
    }
    return result
  }

  private static func escaped(_ text: String) -> String {
    text.unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "'": result += "&#39;"
      case "\"": result += "&#34;"
      default: result.unicodeScalars.append(scalar)
      }
    }
  }

  private static func indent(
    _ text: String, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> String {
    let width = arguments.value(0, "width")
    let size = try width?.text == nil ? arguments.integer(0, "width", default: 4) : 0
    try interpreter.chargeCopy(max(0, size))
    let margin = width?.text ?? String(repeating: " ", count: max(0, size))
    let indentsBlank = arguments.flag(2, "blank")
    var result = arguments.flag(1, "first") ? margin : ""
    for (index, line) in (text + "\n").pythonLines(keepsEnds: false).enumerated() {
      let isIndented = index > 0 && (indentsBlank || !line.isEmpty)
      try interpreter.write((index > 0 ? "\n" : "") + (isIndented ? margin : "") + line, into: &result)
    }
    return result
  }

  /// `tojson` as the chat renderer redefines it: `json.dumps` without HTML escapes.
  private static func json(_ value: TemplateValue, _ arguments: CallArguments) throws -> String {
    if case .undefined = value { throw TemplateError(.wrongType, "Object of type Undefined is not JSON serializable") }
    var writer = JSONTextWriter()
    writer.ensureASCII = arguments.flag(0, "ensure_ascii")
    if let indent = arguments.value(1, "indent"), !indent.isNone {
      let width = indent.integer ?? 0
      guard width <= 1_000 else { throw TemplateError(.limitExceeded, "tojson indents by more than 1000") }
      writer.indent = indent.text ?? String(repeating: " ", count: max(0, width))
      writer.itemSeparator = ","
    }
    if case .list(let list)? = arguments.value(2, "separators"), list.items.count == 2 {
      writer.itemSeparator = list.items[0].printed
      writer.keySeparator = list.items[1].printed
    }
    writer.sortKeys = arguments.flag(3, "sort_keys")
    return try writer.text(of: value)
  }

  private static func truncated(_ text: String, _ arguments: CallArguments) throws -> String {
    let length = try arguments.integer(0, "length", default: 255)
    let end = try arguments.text(2, "end", default: "...")
    let leeway = try arguments.integer(3, "leeway", default: 5)
    let scalars = Array(text.unicodeScalars)
    guard scalars.count > length.advancedSafely(by: leeway) else { return text }
    let kept = scalars.prefix(max(0, length - end.unicodeScalars.count))
    if arguments.flag(1, "killwords") { return String(scalars: kept) + end }
    let cut = kept.lastIndex(of: " ") ?? kept.endIndex
    return String(scalars: kept[..<cut]) + end
  }

  private static func urlEncoded(_ value: TemplateValue) -> String {
    func quoted(_ text: String, _ allowsSlash: Bool) -> String {
      text.utf8.reduce(into: "") { result, byte in
        let scalar = Unicode.Scalar(byte)
        let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.isDecimalDigit)
        if isPlain || "_.-~".unicodeScalars.contains(scalar) || (allowsSlash && scalar == "/") {
          result.unicodeScalars.append(scalar)
        } else {
          result += "%" + UInt32(byte).hexadecimal(width: 2).uppercased()
        }
      }
    }
    guard case .dictionary(let dictionary) = value else { return quoted(value.printed, true) }
    return dictionary.pairs.map { quoted($0.key.printed, false) + "=" + quoted($0.value.printed, false) }
      .joined(separator: "&")
  }
}
