/// SentencePiece's way with spaces: each becomes a visible mark, and a text may get one in front.
struct Metaspace: Sendable {
  /// Which pieces get a mark in front.
  enum PrependScheme: String, Sendable {
    case first
    case always
    case never
  }

  /// UTF-8 of the mark, usually U+2581.
  let mark: [UInt8]
  let prependScheme: PrependScheme
  /// Whether each mark begins a new piece.
  let splits: Bool

  /// Marks the spaces of all pieces and moves the pieces accordingly.
  ///
  /// - Parameter isFirst: whether a piece begins where the whole text does.
  func apply(to text: inout AlignedText, _ pieces: inout [Range<Int>], isFirst: (Range<Int>) -> Bool) {
    var rewriter = TextRewriter(text)
    var marked: [Range<Int>] = []
    let bytes = text.bytes
    for piece in pieces where !piece.isEmpty {
      let start = rewriter.count
      rewriter.skip(to: piece.lowerBound)
      let beginsMarked = bytes[piece.lowerBound] == 0x20 || bytes[piece].starts(with: mark)
      if !beginsMarked, prependScheme == .always || (prependScheme == .first && isFirst(piece)) {
        rewriter.insertBefore(mark)
      }
      bytes.withUnsafeBufferPointer { bytes in
        for index in piece where bytes[index] == 0x20 {
          rewriter.keep(upTo: index)
          rewriter.replace(upTo: index + 1, with: mark)
        }
      }
      rewriter.keep(upTo: piece.upperBound)
      marked.append(start..<rewriter.count)
    }
    text = rewriter.finish()
    guard splits else {
      pieces = marked
      return
    }
    pieces.removeAll(keepingCapacity: true)
    text.bytes.withUnsafeBufferPointer { bytes in
      for piece in marked {
        var start = piece.lowerBound
        var index = start
        while index < piece.upperBound {
          if index > start, bytes[index] == mark[0], bytes[index..<piece.upperBound].starts(with: mark) {
            pieces.append(start..<index)
            start = index
          }
          index += 1
        }
        pieces.append(start..<piece.upperBound)
      }
    }
  }
}
