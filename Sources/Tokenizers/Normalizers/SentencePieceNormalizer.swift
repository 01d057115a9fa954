/// What SentencePiece does to text before its model, as the `normalizer_spec` of a `.model` file says.
struct SentencePieceNormalizer: Sendable {
  var map: PrecompiledMap?
  /// Whether a space is put before the text.
  var addsPrefix = true
  /// Whether spaces at the ends go and runs of spaces become one.
  var removesExtraSpaces = true
  /// Whether spaces become U+2581.
  var escapesSpaces = true
  /// Pieces that the map must leave alone.
  var protected = PieceTrie()

  private static let mark: [UInt8] = [0xe2, 0x96, 0x81]

  /// Rewrites the text.
  func apply(to text: inout AlignedText) {
    mapCharacters(of: &text)
    if removesExtraSpaces { collapseSpaces(of: &text) }
    guard !text.bytes.isEmpty else { return }
    let space = escapesSpaces ? Self.mark : [0x20]
    if addsPrefix {
      var rewriter = TextRewriter(text)
      rewriter.insertBefore(space)
      rewriter.keep(upTo: text.bytes.count)
      text = rewriter.finish()
    }
    if escapesSpaces { text.replace([0x20], with: Self.mark) }
  }

  private func mapCharacters(of text: inout AlignedText) {
    guard let map else { return }
    var rewriter = TextRewriter(text)
    text.bytes.withUnsafeBufferPointer { bytes in
      var index = 0
      while index < bytes.count {
        if let piece = protected.longestPrefix(of: bytes, at: index, upTo: bytes.count) {
          index = piece.end
          continue
        }
        guard let match = map.match(bytes, index..<bytes.count, longest: true) else {
          index += UTF8Scalar.length(lead: bytes[index])
          continue
        }
        rewriter.keep(upTo: index)
        rewriter.replace(upTo: match.end, with: match.replacement)
        index = match.end
      }
    }
    rewriter.keep(upTo: text.bytes.count)
    text = rewriter.finish()
  }

  private func collapseSpaces(of text: inout AlignedText) {
    let bytes = text.bytes
    let end = (bytes.lastIndex { $0 != 0x20 } ?? -1) + 1
    var rewriter = TextRewriter(text)
    var isAfterSpace = true
    for index in 0..<end {
      if bytes[index] == 0x20, isAfterSpace {
        rewriter.keep(upTo: index)
        rewriter.skip(to: index + 1)
      }
      isAfterSpace = bytes[index] == 0x20
    }
    rewriter.keep(upTo: end)
    text = rewriter.finish()
  }
}
