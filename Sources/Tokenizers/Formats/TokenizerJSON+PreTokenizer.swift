import JSONReader

extension TokenizerJSON {
  /// The steps of the `pre_tokenizer`.
  func preTokenizerSteps(_ value: JSONValue) throws -> [PreTokenizer.Step] {
    let steps = try flattened(value, "pretokenizers").flatMap { part throws -> [PreTokenizer.Step] in
      let type = part.field("type").stringValue ?? "unnamed"
      switch type {
      case "ByteLevel":
        var steps: [PreTokenizer.Step] = part.field("add_prefix_space").boolValue ?? true ? [.prefixSpace] : []
        if part.field("use_regex").boolValue ?? true { steps.append(.known(.gpt2)) }
        return steps + [.byteAlphabet]
      case "Digits":
        return [.scalars(ScalarMatcher(matching: .number, behavior: isolation(part.field("individual_digits").flag)))]
      case "Punctuation":
        let name = part.field("behavior").stringValue ?? "Isolated"
        guard let behavior = SplitBehavior(spelling: name) else { throw unsupported("Punctuation behavior", name) }
        return [.scalars(ScalarMatcher(matching: .punctuation, behavior: behavior))]
      case "Whitespace":
        return [.expression(try expression(#"\w+|[^\w\s]+"#, type, .rust), .removed, inverted: true)]
      case "WhitespaceSplit": return [.scalars(ScalarMatcher(matching: .whitespace, behavior: .removed))]
      case "BertPreTokenizer":
        return [
          .scalars(ScalarMatcher(matching: .whitespace, behavior: .removed)),
          .scalars(ScalarMatcher(matching: .punctuation, behavior: .isolated)),
        ]
      case "CharDelimiterSplit":
        guard let delimiter = part.field("delimiter").stringValue?.unicodeScalars.first else {
          throw malformed("a CharDelimiterSplit has no delimiter")
        }
        return [.scalars(ScalarMatcher(matching: .scalar(delimiter.value), behavior: .removed))]
      case "FixedLength":
        guard let length = part.field("length").intValue, length > 0 else {
          throw malformed("a FixedLength has no length above zero")
        }
        return [.fixedLength(length)]
      case "Split": return [try splitStep(part)]
      case "Metaspace": return [.metaspace(try metaspace(part))]
      default: throw unsupported("pre_tokenizer", type)
      }
    }
    return PreTokenizer.withByteAlphabetLast(steps)
  }

  private func isolation(_ isIndividual: Bool) -> SplitBehavior { isIndividual ? .isolated : .contiguous }

  private func splitStep(_ part: JSONValue) throws -> PreTokenizer.Step {
    let name = part.field("behavior").stringValue ?? "Isolated"
    guard let behavior = SplitBehavior(spelling: name) else { throw unsupported("Split behavior", name) }
    let inverted = part.field("invert").flag
    if let literal = part.field("pattern").field("String").stringValue {
      return .literal(Array(literal.utf8), behavior, inverted: inverted)
    }
    guard let regex = part.field("pattern").field("Regex").stringValue else {
      throw malformed("a Split has no pattern")
    }
    if let known = KnownPattern.spelled(regex),
      behavior == .isolated || (behavior == .removed && inverted && known.coversText)
    {
      return .known(known)
    }
    return .expression(try expression(regex, "Split"), behavior, inverted: inverted)
  }

  private func metaspace(_ part: JSONValue) throws -> Metaspace {
    let addsPrefix = part.field("add_prefix_space").boolValue ?? true
    let scheme = part.field("prepend_scheme").stringValue ?? (addsPrefix ? "always" : "never")
    guard let prependScheme = Metaspace.PrependScheme(rawValue: scheme) else {
      throw unsupported("Metaspace prepend_scheme", scheme)
    }
    let mark = Array((part.field("replacement").stringValue ?? "\u{2581}").utf8)
    guard !mark.isEmpty else { throw malformed("a Metaspace has no replacement") }
    return Metaspace(mark: mark, prependScheme: prependScheme, splits: part.field("split").boolValue ?? true)
  }

  /// The part, or the parts of nested `Sequence` parts; null has none.
  func flattened(_ value: JSONValue, _ key: String) -> [JSONValue] {
    if value.isNull { return [] }
    guard value.field("type").stringValue == "Sequence" else { return [value] }
    return value.field(key).elements.flatMap { flattened($0, key) }
  }
}
