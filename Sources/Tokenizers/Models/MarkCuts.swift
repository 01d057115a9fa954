/// Where a text with SentencePiece's marks can be cut so that byte-pair encoding gives the same tokens for the parts as
/// for the whole: before a mark, if no token of the vocabulary has a mark after the byte that stands there.
struct MarkCuts: Sendable {
  private static let mark: (UInt8, UInt8, UInt8) = (0xe2, 0x96, 0x81)
  /// Bytes after which some token has a mark.
  private var joined = [Bool](repeating: false, count: 256)

  /// Learns from the spelling of a token.
  mutating func note(_ piece: UnsafeBufferPointer<UInt8>) {
    guard piece.count > 3 else { return }
    for index in 1..<piece.count - 2 where Self.isMark(piece, at: index) && !Self.isMark(piece, at: index - 3) {
      joined[Int(piece[index - 1])] = true
    }
  }

  /// The end of the part that begins at `start`.
  @inline(__always)
  func end(ofPartAt start: Int, in word: UnsafeBufferPointer<UInt8>) -> Int {
    var index = start + 1
    while index + 2 < word.count {
      if word[index] == Self.mark.0, Self.isMark(word, at: index), !joined[Int(word[index - 1])],
        !Self.isMark(word, at: index - 3)
      {
        return index
      }
      index += 1
    }
    return word.count
  }

  @inline(__always)
  private static func isMark(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
    index >= 0 && bytes[index] == mark.0 && bytes[index + 1] == mark.1 && bytes[index + 2] == mark.2
  }
}
