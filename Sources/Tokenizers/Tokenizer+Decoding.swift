extension Tokenizer {
  /// The text of token ids; ids without a token give nothing, invalid UTF-8 gives U+FFFD per maximal subpart.
  public func decode(_ ids: [Int], skipSpecialTokens: Bool = false) -> String {
    var bytes: [UInt8] = []
    for id in ids where !(skipSpecialTokens && isSpecial(id)) {
      if let part = decodedBytes(of: id, isFirst: bytes.isEmpty) { bytes.append(contentsOf: part) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What a token adds to the text, or nil for an id without a token.
  func decodedBytes(of id: Int, isFirst: Bool) -> [UInt8]? {
    guard let piece = pieces[id] else { return nil }
    switch decoder {
    case .byteLevel:
      return piece.withUnsafeBufferPointer { ByteLevelAlphabet.decode($0) } ?? Array(piece)
    case .joinedWithSpaces: return isFirst ? Array(piece) : [UInt8(ascii: " ")] + piece
    }
  }
}
