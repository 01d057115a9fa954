import JSONReader

extension TokenizerJSON {
  /// The `decoder`; a file without one joins its tokens with spaces.
  func decoder(_ value: JSONValue) throws -> TokenDecoder {
    if value.isNull { return .joinedWithSpaces }
    return TokenDecoder(steps: try flattened(value, "decoders").map { try decoderStep($0) })
  }

  private func decoderStep(_ part: JSONValue) throws -> TokenDecoder.Step {
    let type = part.field("type").stringValue ?? "unnamed"
    func bytes(_ name: String, _ standard: String = "") -> [UInt8] {
      Array((part.field(name).stringValue ?? standard).utf8)
    }
    switch type {
    case "ByteLevel": return .byteLevel
    case "ByteFallback": return .byteFallback
    case "Fuse": return .fuse
    case "Replace":
      if let pattern = part.field("pattern").field("String").stringValue {
        return .replace(Array(pattern.utf8), with: bytes("content"))
      }
      guard let pattern = part.field("pattern").field("Regex").stringValue else {
        throw malformed("a Replace has no pattern")
      }
      return .replacePattern(try expression(pattern, "Replace"), with: bytes("content"))
    case "Strip":
      return .strip(
        bytes("content"), start: max(0, part.field("start").intValue ?? 0),
        stop: max(0, part.field("stop").intValue ?? 0))
    case "Metaspace":
      let scheme = part.field("prepend_scheme").stringValue
      let addsPrefix = part.field("add_prefix_space").boolValue ?? true
      return .metaspace(bytes("replacement", "\u{2581}"), dropsFirst: scheme.map { $0 != "never" } ?? addsPrefix)
    case "WordPiece":
      return .wordPiece(prefix: bytes("prefix", "##"), cleansUp: part.field("cleanup").boolValue ?? true)
    case "BPEDecoder": return .wordEnd(suffix: bytes("suffix", "</w>"))
    case "CTC":
      return .temporalClassification(
        padding: bytes("pad_token", "<pad>"), delimiter: bytes("word_delimiter_token", "|"),
        cleansUp: part.field("cleanup").boolValue ?? true)
    default: throw unsupported("decoder", type)
    }
  }
}
