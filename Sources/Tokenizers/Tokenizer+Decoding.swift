extension Tokenizer {
  /// The text of token ids.
  ///
  /// Ids without a token give nothing. Invalid UTF-8 gives U+FFFD for each maximal subpart, in vocabularies with byte
  /// tokens for each byte of the run.
  public func decode(_ ids: [Int], skipSpecialTokens: Bool = false) -> String {
    let kept = ids.lazy.filter { !(skipSpecialTokens && self.isSpecial($0)) }
    if case .pieces(let decoder) = decoder {
      return String(decoding: decoder.decode(kept.compactMap { self.pieces[$0].map { Array($0) } }), as: UTF8.self)
    }
    var bytes: [UInt8] = []
    var isFirst = true
    for id in kept {
      guard let part = decodedBytes(of: id) else { continue }
      if case .joinedWithSpaces = decoder, !isFirst { bytes.append(UInt8(ascii: " ")) }
      bytes.append(contentsOf: part)
      isFirst = false
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What a token adds to the text, or nil for an id without a token.
  func decodedBytes(of id: Int) -> [UInt8]? {
    guard let piece = pieces[id] else { return nil }
    switch decoder {
    case .byteLevel:
      return piece.withUnsafeBufferPointer { ByteLevelAlphabet.decode($0) } ?? Array(piece)
    case .pieces(let decoder):
      return switch decoder.part(Array(piece)) {
      case .text(let text): text
      case .byte(let byte): [byte]
      }
    case .joinedWithSpaces: return Array(piece)
    }
  }
}
