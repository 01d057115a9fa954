import JSONReader

extension TokenizerJSON {
  /// The `decoder`; a file without one joins its tokens with spaces.
  func decoder(_ value: JSONValue) throws -> TokenDecoder {
    let parts = flattened(value, "decoders")
    let types = parts.map { $0.field("type").stringValue ?? "unnamed" }
    if parts.isEmpty { return .joinedWithSpaces }
    if types == ["ByteLevel"] { return .byteLevel }
    return .pieces(try pieceDecoder(zip(types, parts)))
  }

  private func pieceDecoder(_ parts: some Sequence<(String, JSONValue)>) throws -> PieceDecoder {
    var decoder = PieceDecoder()
    var isFused = false
    for (type, part) in parts {
      switch (type, isFused) {
      case ("Replace", false) where !decoder.usesByteFallback:
        guard let pattern = part.field("pattern").field("String").stringValue else {
          throw unsupported("decoder", "Replace with a regular expression")
        }
        decoder.replacements.append((Array(pattern.utf8), Array((part.field("content").stringValue ?? "").utf8)))
      case ("ByteFallback", false): decoder.usesByteFallback = true
      case ("Fuse", false): isFused = true
      case ("Strip", true) where decoder.strip.count == 0:
        let content = Array((part.field("content").stringValue ?? "").utf8)
        guard content.count == 1, part.field("stop").intValue ?? 0 == 0 else {
          throw unsupported("decoder", "Strip at the end")
        }
        decoder.strip = (content[0], max(0, part.field("start").intValue ?? 0))
      default: throw unsupported("decoder", type)
      }
    }
    guard isFused else { throw unsupported("decoder", "Sequence without Fuse") }
    return decoder
  }
}
