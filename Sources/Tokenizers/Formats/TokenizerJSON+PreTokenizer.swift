import JSONReader

extension TokenizerJSON {
  /// The steps of the `pre_tokenizer`, and whether the last one maps bytes to the GPT-2 alphabet.
  func preTokenizerSteps(_ value: JSONValue) throws -> (steps: [PreTokenizer.Step], isByteLevel: Bool) {
    var steps: [PreTokenizer.Step] = []
    var isByteLevel = false
    for part in flattened(value, "pretokenizers") {
      let type = part.field("type").stringValue ?? "unnamed"
      if isByteLevel { throw unsupported("pre_tokenizer after ByteLevel", type) }
      switch type {
      case "ByteLevel":
        isByteLevel = true
        if part.field("add_prefix_space").flag { steps.append(.prefixSpace) }
        if part.field("use_regex").isNull || part.field("use_regex").flag { steps.append(.known(.gpt2)) }
      case "Digits": steps.append(.digits(individual: part.field("individual_digits").flag))
      case "Split": steps.append(try splitStep(part))
      case "Metaspace": steps.append(.metaspace(try metaspace(part)))
      default: throw unsupported("pre_tokenizer", type)
      }
    }
    return (steps, isByteLevel)
  }

  private func splitStep(_ part: JSONValue) throws -> PreTokenizer.Step {
    let name = part.field("behavior").stringValue ?? "Isolated"
    guard let behavior = SplitBehavior(rawValue: name) else { throw unsupported("Split behavior", name) }
    let inverted = part.field("invert").flag
    if let literal = part.field("pattern").field("String").stringValue {
      return .literal(Array(literal.utf8), behavior, inverted: inverted)
    }
    guard let regex = part.field("pattern").field("Regex").stringValue else {
      throw malformed("a Split has no pattern")
    }
    let keepsAll = behavior == .isolated || (behavior == .removed && inverted)
    if keepsAll, let known = KnownPattern.spelled(regex) { return .known(known) }
    guard let expression = try? RegularExpressionPattern(regex) else { throw unsupported("Split pattern", regex) }
    return .expression(expression, behavior, inverted: inverted)
  }

  private func metaspace(_ part: JSONValue) throws -> Metaspace {
    let addsPrefix = part.field("add_prefix_space").boolValue ?? true
    let scheme = part.field("prepend_scheme").stringValue ?? (addsPrefix ? "always" : "never")
    guard let prependScheme = Metaspace.PrependScheme(rawValue: scheme) else {
      throw unsupported("Metaspace prepend_scheme", scheme)
    }
    return Metaspace(
      mark: Array((part.field("replacement").stringValue ?? "\u{2581}").utf8), prependScheme: prependScheme,
      splits: part.field("split").boolValue ?? true)
  }

  /// The part, or the parts of nested `Sequence` parts; null has none.
  func flattened(_ value: JSONValue, _ key: String) -> [JSONValue] {
    if value.isNull { return [] }
    guard value.field("type").stringValue == "Sequence" else { return [value] }
    return value.field(key).elements.flatMap { flattened($0, key) }
  }
}
