extension Filters {
  static func text(
    _ filter: Filter, _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    switch filter {
    case .upper: return .string(value.printed.uppercased.asMarkup(value.printed.isMarkup))
    case .lower: return .string(value.printed.lowercased.asMarkup(value.printed.isMarkup))
    case .capitalize: return .string(value.printed.capitalized.asMarkup(value.printed.isMarkup))
    case .title: return .string(value.printed.filterTitlecased)
    case .trim:
      let call = CallArguments(positional: arguments.value(0, "chars").map { [$0] } ?? [])
      return try StringMethod.strip.call(on: value.printed, call, interpreter)
    case .string: return .string(value.printed)
    case .safe: return .string(value.printed.asMarkup(true))
    case .escape: return .string(value.printed.escaped)
    case .forceescape: return .string(value.printed.forceEscaped.asMarkup(true))
    case .replace: return .string(try replaced(value.printed, arguments, interpreter))
    case .indent:
      let text = try text(of: value)
      return .string(try indent(text, arguments, interpreter).asMarkup(text.isMarkup))
    case .tojson: return .string(try json(value, arguments, interpreter))
    case .format:
      guard arguments.positional.isEmpty || arguments.named.isEmpty else {
        throw TemplateError(.wrongValue, "can't handle positional and keyword arguments at the same time")
      }
      let operand: TemplateValue =
        arguments.named.isEmpty
        ? .tuple(arguments.positional) : .dictionary(arguments.named.map { ($0.name, $0.value) })
      return try interpreter.apply(.remainder, .string(value.printed), operand)
    case .center:
      let width = try arguments.integer(0, "width", default: 80)
      return try StringMethod.center.call(on: value.printed, CallArguments(positional: [.int(width)]), interpreter)
    case .wordcount:
      return .int(
        value.printed.string.unicodeScalars.split {
          !($0 == "_" || $0.isPythonLetter || $0.properties.numericType != nil)
        }.count)
    case .wordwrap: return .string(try wrapped(try text(of: value), arguments, interpreter))
    case .truncate: return .string(try truncated(try text(of: value), arguments))
    case .urlencode: return .string(try urlEncoded(value, interpreter))
    case .striptags: return .string(withoutTags(value.printed))
    default: return .string(try attributes(value, arguments))
    }
  }

  /// The text of a filter that takes nothing else.
  private static func text(of value: TemplateValue) throws -> TemplateText {
    switch value {
    case .string(let text): return text
    case .undefined(let undefined): throw undefined.error
    default: throw TemplateError(.wrongType, "expected str, not \(value.typeName)")
    }
  }

  private static func replaced(
    _ text: TemplateText, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateText {
    func argument(_ position: Int, _ name: String) throws -> TemplateText {
      try arguments.value(position, name)?.printed ?? arguments.text(position, name)
    }
    var limit = -1
    if let count = arguments.value(2, "count"), !count.isNone { limit = try arguments.integer(2, "count") }
    return try text.replacing(argument(0, "old").string, argument(1, "new"), limit: limit, interpreter)
  }

  private static func indent(
    _ text: TemplateText, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateText {
    var margin = TemplateText()
    if case .string(let written)? = arguments.value(0, "width") {
      margin = written
    } else {
      let size = max(0, try arguments.integer(0, "width", default: 4))
      try interpreter.chargeCopy(size)
      margin = TemplateText(" ").repeated(size)
    }
    let indentsBlank = arguments.flag(2, "blank")
    var result = arguments.flag(1, "first") ? margin : TemplateText()
    var whole = text
    whole.append("\n")
    for (index, line) in whole.lines(keepsEnds: false).enumerated() {
      if index > 0 { try interpreter.write(TemplateText("\n"), into: &result) }
      if index > 0, indentsBlank || !line.isEmpty { try interpreter.write(margin, into: &result) }
      try interpreter.write(line, into: &result)
    }
    return result
  }

  /// `tojson` as the chat renderer redefines it: `json.dumps` without HTML escapes.
  private static func json(
    _ value: TemplateValue, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateText {
    var writer = JSONTextWriter()
    writer.limit = interpreter.limits.outputBytes
    writer.ensureASCII = arguments.flag(0, "ensure_ascii")
    if let indent = arguments.value(1, "indent"), !indent.isNone {
      if let text = indent.text {
        writer.indent = text
      } else {
        let width = try arguments.integer(1, "indent")
        guard width <= 1_000 else { throw TemplateError(.limitExceeded, "tojson indents by more than 1000") }
        writer.indent = String(repeating: " ", count: max(0, width))
      }
      writer.itemSeparator = ","
    }
    if let separators = arguments.value(2, "separators"), !separators.isNone {
      guard case .list(let list) = separators, list.items.count == 2, let item = list.items[0].text,
        let key = list.items[1].text
      else { throw TemplateError(.wrongValue, "separators needs two texts") }
      writer.itemSeparator = item
      writer.keySeparator = key
    }
    writer.sortKeys = arguments.flag(3, "sort_keys")
    return try writer.text(of: value)
  }

  private static func truncated(_ text: TemplateText, _ arguments: CallArguments) throws -> TemplateText {
    let length = try arguments.integer(0, "length", default: 255)
    let end = try arguments.text(2, "end", default: "...")
    var leeway = 5
    if let given = arguments.value(3, "leeway"), !given.isNone { leeway = try arguments.integer(3, "leeway") }
    let endLength = end.string.scalarCount
    guard length >= endLength, leeway >= 0 else {
      throw TemplateError(.wrongValue, "expected length >= \(endLength), got \(length)")
    }
    guard text.string.scalarCount > length.advancedSafely(by: leeway) else { return text }
    var kept = text.slice(0..<text.byteOffset(ofScalar: length - endLength))
    if !arguments.flag(1, "killwords"), let cut = kept.last(" ") { kept = kept.slice(0..<cut) }
    return TemplateText.joined([kept, end]).asMarkup(text.isMarkup)
  }

  private static func urlEncoded(_ value: TemplateValue, _ interpreter: Interpreter) throws -> TemplateText {
    func quoted(_ text: TemplateText, inQuery: Bool) -> TemplateText {
      text.mapScalars { scalars, index in
        let scalar = scalars[index]
        if inQuery, scalar == " " { return "+" }
        let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.isDecimalDigit)
        if isPlain || "_.-~".unicodeScalars.contains(scalar) || (!inQuery && scalar == "/") { return String(scalar) }
        return String(scalar).utf8.reduce(into: "") { $0 += "%" + UInt32($1).hexadecimal(width: 2).uppercased() }
      }
    }
    let pairs: [TemplateValue]
    switch value {
    case .dictionary(let dictionary): pairs = dictionary.tuples
    case .list, .undefined: pairs = try interpreter.items(of: value)
    default: return quoted(value.printed, inQuery: false)
    }
    var result = TemplateText()
    for (index, pair) in pairs.enumerated() {
      let parts = try interpreter.items(of: pair)
      guard parts.count == 2 else { throw TemplateError(.wrongValue, "cannot unpack a pair of the query") }
      if index > 0 { result.append("&") }
      try interpreter.write(quoted(parts[0].printed, inQuery: true), into: &result)
      result.append("=")
      try interpreter.write(quoted(parts[1].printed, inQuery: true), into: &result)
    }
    return result
  }

  private static func withoutTags(_ text: TemplateText) -> TemplateText {
    var (kept, position) = (TemplateText(), 0)
    while let start = text.first("<", from: position) {
      let isComment = text.hasPrefix("<!--", from: start)
      let close = isComment ? text.first("-->", from: min(start + 4, text.count)) : text.first(">", from: start)
      guard let close else { break }
      kept.append(text.slice(position..<start))
      position = close + (isComment ? 3 : 1)
    }
    kept.append(text.slice(position..<text.count))
    var result = TemplateText()
    for (index, word) in kept.wordRanges.enumerated() {
      if index > 0 { result.append(" ") }
      result.append(kept.slice(word))
    }
    return unescaped(result)
  }

  /// Replaces the entities that `escape` writes, their other spellings, and numbers.
  private static func unescaped(_ text: TemplateText) -> TemplateText {
    guard text.first("&") != nil else { return text }
    let named = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{a0}"]
    var (result, position) = (TemplateText(), 0)
    while let start = text.first("&", from: position) {
      result.append(text.slice(position..<start))
      position = start
      let reach = min(text.count, start + 12)
      if let end = text.first(";", from: start, to: reach) {
        let name = text.slice(start + 1..<end).string
        let isHexadecimal = name.hasPrefix("#x") || name.hasPrefix("#X")
        let code =
          name.hasPrefix("#") ? UInt32(name.dropFirst(isHexadecimal ? 2 : 1), radix: isHexadecimal ? 16 : 10) : nil
        if let found = named[name] ?? code.flatMap(Unicode.Scalar.init).map(String.init) {
          result.append(found, isFromMessage: text.isMarked(at: start))
          position = end + 1
          continue
        }
      }
      result.append(text.slice(start..<start + 1))
      position = start + 1
    }
    result.append(text.slice(position..<text.count))
    return result
  }

  private static func attributes(_ value: TemplateValue, _ arguments: CallArguments) throws -> TemplateText {
    guard case .dictionary(let dictionary) = value else {
      throw TemplateError(.wrongType, "'\(value.typeName)' object has no attribute 'items'")
    }
    var result = TemplateText()
    for (key, value) in dictionary.pairs where !value.isNone && !value.isUndefined {
      let name = key.printed
      guard !name.string.utf8.contains(where: { (9...13).contains($0) || " />=".utf8.contains($0) }) else {
        throw TemplateError(.wrongValue, "Invalid character in attribute name: \(name.string)")
      }
      if !result.isEmpty || arguments.flag(0, "autospace", default: true) { result.append(" ") }
      result.append(.joined([name.escaped, TemplateText("=\""), value.printed.escaped, TemplateText("\"")]))
    }
    return result
  }
}
