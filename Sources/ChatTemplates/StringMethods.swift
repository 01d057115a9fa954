/// Python's string methods, on Unicode scalars.
enum StringMethods {
  static let names: Set<String> = [
    "capitalize", "casefold", "center", "count", "endswith", "expandtabs", "find", "format", "index", "isalnum",
    "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join",
    "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust",
    "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper",
    "zfill",
  ]

  static func call(
    _ name: String, on text: String, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    try interpreter.charge(1 + text.utf8.count / 16)
    switch name {
    case "strip", "lstrip", "rstrip":
      return .string(try strip(text, arguments, left: name != "rstrip", right: name != "lstrip"))
    case "split", "rsplit": return .list(try split(text, arguments, fromEnd: name == "rsplit"))
    case "splitlines": return .list(text.pythonLines(keepsEnds: arguments.flag(0, "keepends")).map { .string($0) })
    case "startswith", "endswith": return .bool(try hasAffix(text, arguments, isPrefix: name == "startswith"))
    case "replace":
      return .string(
        try text.replacing(
          arguments.text(0, "old"), arguments.text(1, "new"), limit: arguments.integer(2, "count", default: -1),
          interpreter))
    case "join": return try join(text, arguments, interpreter)
    case "format": return .string(try BraceFormat.format(text, arguments, interpreter))
    case "find", "rfind", "index", "rindex", "count": return try search(name, text, arguments)
    case "partition", "rpartition": return .tuple(try partition(name, text, arguments.text(0, "sep")))
    case "removeprefix":
      let prefix = try arguments.text(0, "prefix")
      return .string(text.hasScalarPrefix(prefix) ? String(text.utf8.dropFirst(prefix.utf8.count)) ?? text : text)
    case "removesuffix":
      let suffix = try arguments.text(0, "suffix")
      return .string(text.hasScalarSuffix(suffix) ? String(text.utf8.dropLast(suffix.utf8.count)) ?? text : text)
    case "center", "ljust", "rjust", "zfill": return .string(try pad(name, text, arguments, interpreter))
    default: return try classify(name, text) ?? .string(changeCase(name, text))
    }
  }

  private static func strip(
    _ text: String, _ arguments: CallArguments, left: Bool, right: Bool
  ) throws -> String {
    var isStripped: (Unicode.Scalar) -> Bool = \.isPythonSpace
    if let characters = arguments.value(0, "chars"), !characters.isNone {
      let set = Set(try arguments.text(0, "chars").unicodeScalars)
      isStripped = { set.contains($0) }
    }
    return text.stripped(left: left, right: right, isStripped)
  }

  private static func split(
    _ text: String, _ arguments: CallArguments, fromEnd: Bool
  ) throws -> [TemplateValue] {
    let limit = try arguments.integer(1, "maxsplit", default: -1)
    if let separator = arguments.value(0, "sep"), !separator.isNone {
      let separator = try arguments.text(0, "sep")
      guard !separator.isEmpty else { throw TemplateError(.wrongValue, "empty separator") }
      return ScalarSearch(text).split(separator, limit: limit, fromEnd: fromEnd).map { .string($0) }
    }
    let words = text.unicodeScalars.split(whereSeparator: \.isPythonSpace)
    guard limit >= 0, words.count > limit else { return words.map { .string(String($0)) } }
    if fromEnd {
      let kept = words.suffix(limit)
      let end = words[words.count - limit - 1].endIndex
      let rest = String(text.unicodeScalars[..<end]).stripped(left: true, right: true, \.isPythonSpace)
      return [.string(rest)] + kept.map { .string(String($0)) }
    }
    let rest = String(text.unicodeScalars[words[limit].startIndex...])
    return words.prefix(limit).map { .string(String($0)) }
      + [.string(rest.stripped(left: false, right: true, \.isPythonSpace))]
  }

  private static func hasAffix(_ text: String, _ arguments: CallArguments, isPrefix: Bool) throws -> Bool {
    func matches(_ affix: String) -> Bool {
      isPrefix ? text.hasScalarPrefix(affix) : text.hasScalarSuffix(affix)
    }
    if case .list(let list)? = arguments.positional.first, list.isTuple {
      return list.items.contains { $0.text.map(matches) ?? false }
    }
    return matches(try arguments.text(0, "prefix"))
  }

  private static func join(
    _ separator: String, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    guard let value = arguments.positional.first else { throw TemplateError(.wrongType, "join() takes one argument") }
    var result = ""
    for (index, item) in try interpreter.items(of: value).enumerated() {
      guard let text = item.text else {
        throw TemplateError(
          .wrongType, "sequence item \(index): expected str instance, \(item.typeName) found")
      }
      try interpreter.write(index > 0 ? separator + text : text, into: &result)
    }
    return .string(result)
  }

  private static func search(_ name: String, _ text: String, _ arguments: CallArguments) throws -> TemplateValue {
    let part = try arguments.text(0, "sub")
    let search = ScalarSearch(text)
    if name == "count" {
      if part.isEmpty { return .int(text.unicodeScalars.count + 1) }
      return .int(search.split(part, limit: -1, fromEnd: false).count - 1)
    }
    var start = 0
    if arguments.positional.count > 1 {
      let scalars = text.unicodeScalars
      let asked = try arguments.integer(1, "start")
      let offset = max(0, asked < 0 ? asked.advancedSafely(by: scalars.count) : asked)
      let index = scalars.index(scalars.startIndex, offsetBy: offset, limitedBy: scalars.endIndex)
      guard let index else { return .int(-1) }
      start = text.utf8.distance(from: text.startIndex, to: index)
    }
    var found = name.hasPrefix("r") ? search.last(part) : search.first(part, from: start)
    if let offset = found, offset < start { found = nil }
    if found == nil, name.hasSuffix("index") { throw TemplateError(.wrongValue, "substring not found") }
    return .int(found.map(search.scalarOffset) ?? -1)
  }

  private static func partition(_ name: String, _ text: String, _ separator: String) throws -> [TemplateValue] {
    guard !separator.isEmpty else { throw TemplateError(.wrongValue, "empty separator") }
    let search = ScalarSearch(text)
    let fromEnd = name == "rpartition"
    guard let cut = fromEnd ? search.last(separator) : search.first(separator) else {
      return fromEnd ? [.string(""), .string(""), .string(text)] : [.string(text), .string(""), .string("")]
    }
    let end = cut + separator.utf8.count
    return [.string(search.text(0..<cut)), .string(separator), .string(search.text(end..<search.bytes.count))]
  }

  private static func pad(
    _ name: String, _ text: String, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> String {
    let width = try arguments.integer(0, "width")
    try interpreter.chargeCopy(max(0, width))
    let missing = width - text.unicodeScalars.count
    guard missing > 0 else { return text }
    if name == "zfill" {
      let hasSign = text.hasPrefix("-") || text.hasPrefix("+")
      let zeros = String(repeating: "0", count: missing)
      return hasSign ? String(text.prefix(1)) + zeros + text.dropFirst() : zeros + text
    }
    let fill = try arguments.text(1, "fillchar", default: " ")
    let left: Int =
      switch name {
      case "ljust": 0
      case "rjust": missing
      default: missing / 2 + (missing & width & 1)
      }
    return String(repeating: fill, count: left) + text + String(repeating: fill, count: missing - left)
  }
}
