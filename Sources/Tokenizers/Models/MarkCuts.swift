/// Where a text can be cut so that byte-pair encoding gives the same tokens for the parts as for the whole: between
/// bytes that no token joins, and before SentencePiece's mark where no token has a mark after the byte that stands there.
struct MarkCuts: Sendable {
  private static let mark: (UInt8, UInt8, UInt8) = (0xe2, 0x96, 0x81)
  /// Bytes after which some token has a mark.
  private var markJoined = [Bool](repeating: false, count: 256)
  /// Pairs of bytes that stand side by side in some token.
  private var joined: [Bool]

  /// Where unknown characters become one token, a cut between them would make it two: then only marks are cut at.
  init(onlyAtMarks: Bool) {
    joined = Array(repeating: onlyAtMarks, count: 1 << 16)
  }

  /// Learns from the spelling of a token.
  mutating func note(_ piece: UnsafeBufferPointer<UInt8>) {
    guard var previous = piece.first else { return }
    joined.withUnsafeMutableBufferPointer { joined in
      for index in 1..<piece.count {
        let byte = piece[index]
        joined[Int(previous) << 8 | Int(byte)] = true
        if byte == Self.mark.0, index + 2 < piece.count, Self.isMark(piece, at: index),
          !Self.isMark(piece, at: index - 3)
        {
          markJoined[Int(previous)] = true
        }
        previous = byte
      }
    }
  }

  /// The end of the part that begins at `start`.
  @inline(__always)
  func end(ofPartAt start: Int, in word: UnsafeBufferPointer<UInt8>) -> Int {
    joined.withUnsafeBufferPointer { joined in
      var index = start + 1
      while index < word.count {
        let byte = word[index]
        if byte & 0xc0 != 0x80 {
          if !joined[Int(word[index - 1]) << 8 | Int(byte)] { return index }
          if byte == Self.mark.0, index + 2 < word.count, Self.isMark(word, at: index),
            !markJoined[Int(word[index - 1])], !Self.isMark(word, at: index - 3)
          {
            return index
          }
        }
        index += 1
      }
      return word.count
    }
  }

  @inline(__always)
  private static func isMark(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
    index >= 0 && bytes[index] == mark.0 && bytes[index + 1] == mark.1 && bytes[index + 2] == mark.2
  }
}
