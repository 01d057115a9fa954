extension Tokenizer {
  /// The text of token ids.
  ///
  /// Ids without a token give nothing. Invalid UTF-8 gives U+FFFD for each maximal subpart, in vocabularies with byte
  /// tokens for each byte of the run.
  public func decode(_ ids: [Int], skipSpecialTokens: Bool = false) -> String {
    let kept = ids.lazy.filter { !(skipSpecialTokens && self.isSpecial($0)) }
    if isByteLevelDecoder {
      var bytes: [UInt8] = []
      bytes.reserveCapacity(ids.count * 4)
      for id in kept { pieces.withBytes(id) { ByteLevelAlphabet.append(decodingOf: $0, to: &bytes) } }
      return String(decoding: bytes, as: UTF8.self)
    }
    let tokens = kept.compactMap { self.pieces[$0].map { Array($0) } }
    // Only rules that take too many steps, or lengthen without measure, fail; the tokens are then shown as they are spelled.
    let bytes = (try? decoder.decode(Array(tokens))) ?? Array(tokens.joined())
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What a token alone stands for, or nil for an id without a token.
  func decodedBytes(of id: Int) -> [UInt8]? {
    guard let piece = pieces[id] else { return nil }
    guard let steps = decoder.steps else { return Array(piece) }
    var text = Array(piece)
    for step in steps {
      switch step {
      case .byteLevel: return text.withUnsafeBufferPointer { ByteLevelAlphabet.decode($0) } ?? text
      case .byteFallback: if let byte = TokenDecoder.Step.byte(of: text) { return [byte] }
      case .fuse: return text
      case .metaspace(let mark, _): text = text.replacing(mark, with: [0x20])
      case .wordPiece(let prefix, _): if text.starts(with: prefix) { text.removeFirst(prefix.count) }
      case .wordEnd(let suffix): text = text.replacing(suffix, with: [0x20])
      default: text = (try? step.apply(to: [text]))?.first ?? text
      }
    }
    return text
  }

  /// Whether the decoder is that of GPT-2 alone.
  var isByteLevelDecoder: Bool {
    if let steps = decoder.steps, steps.count == 1, case .byteLevel = steps[0] { true } else { false }
  }
}
