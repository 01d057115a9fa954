/// The filters of Jinja that templates may use.
enum Filter: String, CaseIterable, Sendable {
  case abs, attr, batch, capitalize, center, `default`, dictsort, escape, filesizeformat, first, float, forceescape,
    format, groupby, indent, int, items, join, last, length, list, lower, map, max, min, reject, rejectattr, replace,
    reverse, round, safe, select, selectattr, slice, sort, string, striptags, sum, title, tojson, trim, truncate,
    unique, upper, urlencode, wordcount, wordwrap, xmlattr

  /// The filter of a name or of its other name.
  init?(named name: String) {
    switch name {
    case "d": self = .default
    case "e": self = .escape
    case "count": self = .length
    default: self.init(rawValue: name)
    }
  }

  var signature: Signature { Self.signatures[self] ?? Self.noParameters }

  private static let noParameters = Signature("")
  private static let signatures: [Filter: Signature] = [
    .attr: Signature("name"), .batch: Signature("linecount fill_with?"), .center: Signature("width?"),
    .default: Signature("default_value? boolean?"), .dictsort: Signature("case_sensitive? by? reverse?"),
    .filesizeformat: Signature("binary?"), .float: Signature("default?"), .format: Signature("*"),
    .groupby: Signature("attribute default? case_sensitive?"), .indent: Signature("width? first? blank?"),
    .int: Signature("default? base?"), .join: Signature("d? attribute?"), .map: Signature("*"),
    .max: Signature("case_sensitive? attribute?"), .min: Signature("case_sensitive? attribute?"),
    .reject: Signature("*"), .rejectattr: Signature("*"), .replace: Signature("old new count?"),
    .round: Signature("precision? method?"), .select: Signature("*"), .selectattr: Signature("*"),
    .slice: Signature("slices fill_with?"), .sort: Signature("reverse? case_sensitive? attribute?"),
    .sum: Signature("attribute? start?"), .tojson: Signature("ensure_ascii? indent? separators? sort_keys?"),
    .trim: Signature("chars?"), .truncate: Signature("length? killwords? end? leeway?"),
    .unique: Signature("case_sensitive? attribute?"),
    .wordwrap: Signature("width? break_long_words? wrapstring? break_on_hyphens?"), .xmlattr: Signature("autospace?"),
  ]
}

extension FilterCall {
  static func unknown(_ name: String) -> TemplateError {
    TemplateError(.unsupported, "No filter named '\(name)'.")
  }
}

extension Interpreter {
  /// The value after a filter; throws `.unsupported` for a filter Jinja or this room does not have.
  func apply(_ call: FilterCall, to value: TemplateValue, in scope: Scope) throws -> TemplateValue {
    guard let filter = call.filter else { throw FilterCall.unknown(call.name) }
    return try apply(filter, to: value, evaluate(call.arguments, in: scope))
  }

  /// The value after a filter with evaluated arguments.
  func apply(_ filter: Filter, to value: TemplateValue, _ arguments: CallArguments) throws -> TemplateValue {
    try filter.signature.check(arguments, filter.rawValue)
    switch filter {
    case .upper, .lower, .capitalize, .title, .trim, .string, .safe, .escape, .forceescape, .replace, .indent,
      .tojson, .format, .center, .wordcount, .wordwrap, .truncate, .urlencode, .striptags, .xmlattr:
      if case .string(let text) = value { try charge(1 + text.count / 16) }
      return try Filters.text(filter, value, arguments, self)
    case .int, .float, .abs, .round, .filesizeformat: return try Filters.number(filter, value, arguments, self)
    case .default, .attr, .items, .dictsort, .groupby: return try Filters.mapping(filter, value, arguments, self)
    default: return try Filters.sequence(filter, value, arguments, self)
    }
  }
}

/// The filters by the kind of value they work on.
enum Filters {
  /// The items a filter walks; a dictionary gives its keys.
  static func items(_ value: TemplateValue, _ interpreter: Interpreter) throws -> [TemplateValue] {
    let items = try interpreter.items(of: value)
    try interpreter.charge(1 + items.count / 16)
    return items
  }

  /// `a.b.0` of a value, undefined where a step is missing.
  static func path(_ path: TemplateValue, of value: TemplateValue, _ interpreter: Interpreter) throws -> TemplateValue {
    guard let text = path.text else { return try interpreter.item(path, of: value) }
    return try text.split(separator: ".", omittingEmptySubsequences: false).reduce(value) { value, part in
      let isIndex = !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
      return try interpreter.item((isIndex ? Int(part) : nil).map { .int($0) } ?? .string(String(part)), of: value)
    }
  }

  /// Text folded to lower case unless comparisons are case-sensitive.
  static func folded(_ value: TemplateValue, _ isCaseSensitive: Bool) -> TemplateValue {
    guard !isCaseSensitive, case .string(let text) = value else { return value }
    return .string(text.lowercased)
  }
}
