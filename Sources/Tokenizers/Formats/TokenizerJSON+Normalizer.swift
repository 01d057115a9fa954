import JSONReader

extension TokenizerJSON {
  /// The `normalizer`, nil where there is none.
  func normalizer(_ value: JSONValue) throws -> Normalizer? {
    if value.isNull { return nil }
    let type = value.field("type").stringValue ?? "unnamed"
    if let form = Normalizer.Form(rawValue: type) { return .form(form) }
    switch type {
    case "Lowercase": return .lowercase
    case "StripAccents": return .stripAccents
    case "Strip": return .strip(left: value.field("strip_left").flag, right: value.field("strip_right").flag)
    case "Prepend": return .prepend(Array((value.field("prepend").stringValue ?? "").utf8))
    case "Replace":
      guard let pattern = value.field("pattern").field("String").stringValue else {
        throw unsupported("normalizer", "Replace with a regular expression")
      }
      return .replace(Array(pattern.utf8), with: Array((value.field("content").stringValue ?? "").utf8))
    case "Sequence": return .sequence(try value.field("normalizers").elements.compactMap { try normalizer($0) })
    default: throw unsupported("normalizer", type)
    }
  }
}
