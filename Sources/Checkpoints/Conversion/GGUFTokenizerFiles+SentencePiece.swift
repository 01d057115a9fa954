import JSONReader

/// SentencePiece vocabularies of type BPE (Llama 1 and 2, Mistral, Gemma): the `tokenizers` library runs them as BPE
/// with merges that it derives from the scores, and so does this conversion.
extension GGUFTokenizerFiles {
  /// Longer pieces are not joined from shorter ones: no model has such, and the time grows with the square.
  private static let pieceByteLimit = 1024
  private static let space = "\u{2581}"

  /// The content of `tokenizer.json`.
  func sentencePieceTokenizer(scores: [Double], addsBeginning: Bool) -> JSONValue {
    let addsSpace = flag("add_space_prefix") ?? true
    let replacing: JSONValue = ["type": "Replace", "pattern": ["String": " "], "content": .string(Self.space)]
    let prepending: JSONValue = ["type": "Prepend", "prepend": .string(Self.space)]
    let restoring: JSONValue = ["type": "Replace", "pattern": ["String": .string(Self.space)], "content": " "]
    let stripping: JSONValue = ["type": "Strip", "content": " ", "start": 1, "stop": 0]
    let decoders = [restoring, ["type": "ByteFallback"], ["type": "Fuse"]] + (addsSpace ? [stripping] : [])
    return [
      "version": "1.0",
      "truncation": .null,
      "padding": .null,
      "added_tokens": .array(addedTokens(and: [TokenType.unknown])),
      "normalizer": addsSpace ? ["type": "Sequence", "normalizers": [prepending, replacing]] : replacing,
      "pre_tokenizer": .null,
      "post_processor": postProcessor(addsBeginning: addsBeginning),
      "decoder": ["type": "Sequence", "decoders": .array(decoders)],
      "model": [
        "type": "BPE", "dropout": .null, "unk_token": unknownToken, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
        "vocab": vocabularyEntries,
        "merges": .array(spelled(merges(scores))),
      ],
    ]
  }

  /// Merges as texts with a space between, or where pieces hold spaces, as pairs.
  private func spelled(_ merges: [(left: String, right: String)]) -> [JSONValue] {
    let space = UInt8(ascii: " ")
    if merges.contains(where: { $0.left.utf8.contains(space) || $0.right.utf8.contains(space) }) {
      return merges.map { .array([.string($0.left), .string($0.right)]) }
    }
    return merges.map { .string("\($0.left) \($0.right)") }
  }

  private var unknownToken: JSONValue {
    let id = identifier("unknown") ?? types.firstIndex(of: TokenType.unknown)
    return id.map { .string(tokens[$0]) } ?? .null
  }

  /// Every way to join two pieces to a third, the best score first; of equal scores, the longer left side first, then
  /// the longer right side, then the order of the vocabulary.
  private func merges(_ scores: [Double]) -> [(left: String, right: String)] {
    typealias Merge = (left: Int, right: Int, score: Double, leftLength: Int, rightLength: Int, order: Int)
    let ids = Dictionary(tokens.enumerated().map { (Array($1.utf8), $0) }) { first, _ in first }
    var merges: [Merge] = []
    for (id, token) in tokens.enumerated() where types.isEmpty || types[id] == TokenType.normal {
      let bytes = Array(token.utf8)
      guard bytes.count <= Self.pieceByteLimit else { continue }
      var splits: [(left: Int, right: Int, leftLength: Int, rightLength: Int)] = []
      let length = token.unicodeScalars.count
      var leftLength = 0
      for (offset, byte) in bytes.enumerated().dropFirst() where byte & 0xC0 != 0x80 {
        leftLength += 1
        if let left = ids[Array(bytes[..<offset])], let right = ids[Array(bytes[offset...])] {
          splits.append((left, right, leftLength, length - leftLength))
        }
      }
      splits.sort { ($0.left, $0.right) < ($1.left, $1.right) }
      for split in splits {
        merges.append((split.left, split.right, scores[id], split.leftLength, split.rightLength, merges.count))
      }
    }
    merges.sort {
      if $0.score != $1.score { return $0.score > $1.score }
      if $0.leftLength != $1.leftLength { return $0.leftLength > $1.leftLength }
      if $0.rightLength != $1.rightLength { return $0.rightLength > $1.rightLength }
      return $0.order < $1.order
    }
    return merges.map { (tokens[$0.left], tokens[$0.right]) }
  }
}
