/// The methods of Python's strings that templates may call.
enum StringMethod: String, CaseIterable, Sendable {
  case capitalize, casefold, center, count, endswith, expandtabs, find, format, index, isalnum, isalpha, isascii,
    isdecimal, isdigit, isidentifier, islower, isnumeric, isprintable, isspace, istitle, isupper, join, ljust, lower,
    lstrip, partition, removeprefix, removesuffix, replace, rfind, rindex, rjust, rpartition, rsplit, rstrip, split,
    splitlines, startswith, strip, swapcase, title, upper, zfill
  case formatMap = "format_map"

  /// The parameters, as Python names them.
  var signature: Signature { Self.signatures[self] ?? Self.noParameters }

  private static let noParameters = Signature("/")
  private static let signatures: [StringMethod: Signature] = [
    .center: Signature("/ width fillchar?"), .ljust: Signature("/ width fillchar?"),
    .rjust: Signature("/ width fillchar?"), .zfill: Signature("/ width"), .expandtabs: Signature("tabsize?"),
    .strip: Signature("/ chars?"), .lstrip: Signature("/ chars?"), .rstrip: Signature("/ chars?"),
    .split: Signature("sep? maxsplit?"), .rsplit: Signature("sep? maxsplit?"), .splitlines: Signature("keepends?"),
    .startswith: Signature("/ prefix start? end?"), .endswith: Signature("/ prefix start? end?"),
    .find: Signature("/ sub start? end?"), .rfind: Signature("/ sub start? end?"),
    .index: Signature("/ sub start? end?"), .rindex: Signature("/ sub start? end?"),
    .count: Signature("/ sub start? end?"), .replace: Signature("/ old new count?"), .join: Signature("/ iterable"),
    .partition: Signature("/ sep"), .rpartition: Signature("/ sep"), .removeprefix: Signature("/ prefix"),
    .removesuffix: Signature("/ suffix"), .format: Signature("*"), .formatMap: Signature("/ mapping"),
  ]

  /// The result of the method on a text.
  func call(
    on text: TemplateText, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    try interpreter.charge(1 + text.count / 16)
    try signature.check(arguments, rawValue)
    guard text.isMarkup else { return try result(on: text, arguments, interpreter) }
    var escaped = arguments
    if escapesArguments {
      escaped.positional = arguments.positional.map { value in
        if case .string(let text) = value { return .string(text.escaped) }
        return value
      }
    }
    return try result(on: text, escaped, interpreter).asMarkup
  }

  /// Whether `Markup` escapes the arguments of the method.
  private var escapesArguments: Bool {
    switch self {
    case .replace, .ljust, .rjust, .center, .strip, .lstrip, .rstrip, .removeprefix, .removesuffix, .format: true
    default: false
    }
  }

  private func result(
    on text: TemplateText, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateValue {
    switch self {
    case .strip, .lstrip, .rstrip:
      return .string(try strip(text, arguments))
    case .split, .rsplit: return .list(try split(text, arguments).map { .string($0) })
    case .splitlines: return .list(text.lines(keepsEnds: arguments.flag(0, "keepends")).map { .string($0) })
    case .startswith, .endswith: return .bool(try hasAffix(text, arguments))
    case .replace:
      return .string(
        try text.replacing(
          arguments.text(0, "old").string, arguments.text(1, "new"),
          limit: arguments.integer(2, "count", default: -1), interpreter))
    case .join: return .string(try join(text, arguments, interpreter))
    case .format: return .string(try BraceFormat.format(text, arguments, interpreter))
    case .formatMap:
      guard case .dictionary(let mapping)? = arguments.positional.first else {
        throw TemplateError(.wrongType, "format_map() needs a mapping")
      }
      let named = zip(mapping.keys, mapping.values).map { (name: $0.printed.string, value: $1) }
      return .string(try BraceFormat.format(text, CallArguments(named: named), interpreter))
    case .find, .rfind, .index, .rindex, .count: return .int(try search(text, arguments))
    case .partition, .rpartition: return .tuple(try partition(text, arguments.text(0, "sep")).map { .string($0) })
    case .removeprefix:
      let prefix = try arguments.text(0, "prefix")
      return .string(text.hasPrefix(prefix.string) ? text.slice(prefix.count..<text.count) : text)
    case .removesuffix:
      let suffix = try arguments.text(0, "suffix")
      return .string(text.hasSuffix(suffix.string) ? text.slice(0..<text.count - suffix.count) : text)
    case .center, .ljust, .rjust, .zfill: return .string(try pad(text, arguments, interpreter))
    case .expandtabs:
      let size = try arguments.integer(0, "tabsize", default: 8)
      let growth = text.string.utf8.count { $0 == 9 }.multipliedReportingOverflow(by: max(0, size))
      try interpreter.chargeCopy(growth.overflow ? .max : growth.partialValue)
      return .string(text.expandingTabs(size))
    case .upper: return .string(text.uppercased)
    case .lower: return .string(text.lowercased)
    case .casefold: return .string(text.caseFolded)
    case .capitalize: return .string(text.capitalized)
    case .title: return .string(text.titlecased)
    case .swapcase: return .string(text.caseSwapped)
    default: return .bool(ScalarClasses.holds(self, text.string) ?? false)
    }
  }

  private func strip(_ text: TemplateText, _ arguments: CallArguments) throws -> TemplateText {
    let (left, right) = (self != .rstrip, self != .lstrip)
    guard let characters = arguments.value(0, "chars"), !characters.isNone else {
      return text.stripped(left: left, right: right, \.isPythonSpace)
    }
    let set = Set(try arguments.text(0, "chars").string.unicodeScalars)
    return text.stripped(left: left, right: right) { set.contains($0) }
  }

  private func split(_ text: TemplateText, _ arguments: CallArguments) throws -> [TemplateText] {
    let limit = try arguments.integer(1, "maxsplit", default: -1)
    let fromEnd = self == .rsplit
    if let separator = arguments.value(0, "sep"), !separator.isNone {
      let separator = try arguments.text(0, "sep")
      guard !separator.isEmpty else { throw TemplateError(.wrongValue, "empty separator") }
      return text.split(separator.string, limit: limit, fromEnd: fromEnd)
    }
    let words = text.wordRanges
    guard limit >= 0, words.count > limit else { return words.map(text.slice) }
    if fromEnd {
      let rest = text.slice(0..<words[words.count - limit - 1].upperBound)
      return [rest] + words.suffix(limit).map(text.slice)
    }
    return words.prefix(limit).map(text.slice) + [text.slice(words[limit].lowerBound..<text.count)]
  }

  private func hasAffix(_ text: TemplateText, _ arguments: CallArguments) throws -> Bool {
    let range = try searchRange(text, arguments)
    func matches(_ affix: String) -> Bool {
      guard let range else { return false }
      let part = arguments.positional.count > 1 ? text.slice(range) : text
      return self == .startswith ? part.hasPrefix(affix) : part.hasSuffix(affix)
    }
    if case .list(let list)? = arguments.positional.first, list.isTuple {
      return try list.items.contains { item in
        guard let affix = item.text else {
          throw TemplateError(.wrongType, "tuple for \(rawValue) must only contain str, not \(item.typeName)")
        }
        return matches(affix)
      }
    }
    return matches(try arguments.text(0, "prefix").string)
  }

  private func join(
    _ separator: TemplateText, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateText {
    var result = TemplateText()
    for (index, item) in try interpreter.items(of: arguments.positional[0]).enumerated() {
      guard case .string(let text) = item else {
        throw TemplateError(
          .wrongType, "sequence item \(index): expected str instance, \(item.typeName) found")
      }
      if index > 0 { try interpreter.write(separator, into: &result) }
      try interpreter.write(separator.isMarkup ? text.escaped : text, into: &result)
    }
    return result
  }

  /// The byte range that `start` and `end` arguments name, nil where it is empty by being reversed.
  private func searchRange(_ text: TemplateText, _ arguments: CallArguments) throws -> Range<Int>? {
    guard arguments.positional.count > 1 else { return 0..<text.count }
    let length = text.string.scalarCount
    func bound(_ position: Int, _ standard: Int) throws -> Int {
      guard position < arguments.positional.count, !arguments.positional[position].isNone else { return standard }
      let index = try arguments.integer(position, "start")
      return index < 0 ? max(0, index.advancedSafely(by: length)) : index
    }
    let (start, end) = (try bound(1, 0), min(length, try bound(2, length)))
    guard start <= end else { return nil }
    return text.byteOffset(ofScalar: start)..<text.byteOffset(ofScalar: end)
  }

  private func search(_ text: TemplateText, _ arguments: CallArguments) throws -> Int {
    let part = try arguments.text(0, "sub").string
    let range = try searchRange(text, arguments)
    if self == .count {
      guard let range else { return 0 }
      let searched = text.slice(range)
      return part.isEmpty
        ? searched.string.scalarCount + 1 : searched.split(part, limit: -1, fromEnd: false).count - 1
    }
    let isLast = self == .rfind || self == .rindex
    let found = range.flatMap { range in
      isLast
        ? text.last(part, from: range.lowerBound, to: range.upperBound)
        : text.first(part, from: range.lowerBound, to: range.upperBound)
    }
    if found == nil, self == .index || self == .rindex { throw TemplateError(.wrongValue, "substring not found") }
    return found.map(text.scalarOffset) ?? -1
  }

  private func partition(_ text: TemplateText, _ separator: TemplateText) throws -> [TemplateText] {
    guard !separator.isEmpty else { throw TemplateError(.wrongValue, "empty separator") }
    let fromEnd = self == .rpartition
    guard let cut = fromEnd ? text.last(separator.string) : text.first(separator.string) else {
      return fromEnd ? [TemplateText(), TemplateText(), text] : [text, TemplateText(), TemplateText()]
    }
    return [text.slice(0..<cut), separator, text.slice(cut + separator.count..<text.count)]
  }

  private func pad(
    _ text: TemplateText, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateText {
    let width = try arguments.integer(0, "width")
    try interpreter.chargeCopy(max(0, width))
    let missing = width - text.string.scalarCount
    let fill = self == .zfill ? TemplateText("0") : try arguments.text(1, "fillchar", default: " ")
    guard fill.string.scalarCount == 1 else {
      throw TemplateError(.wrongType, "The fill character must be exactly one character long")
    }
    guard missing > 0 else { return text }
    if self == .zfill, text.hasPrefix("-") || text.hasPrefix("+") {
      return .joined([text.slice(0..<1), fill.repeated(missing), text.slice(1..<text.count)])
    }
    let left: Int =
      switch self {
      case .ljust: 0
      case .rjust, .zfill: missing
      default: missing / 2 + (missing & width & 1)
      }
    return .joined([fill.repeated(left), text, fill.repeated(missing - left)])
  }
}

extension TemplateValue {
  /// The text, or the texts of a list, as `Markup`.
  fileprivate var asMarkup: TemplateValue {
    switch self {
    case .string(let text): .string(text.asMarkup(true))
    case .list(let list): .list(TemplateList(list.items.map(\.asMarkup), isTuple: list.isTuple))
    default: self
    }
  }
}
