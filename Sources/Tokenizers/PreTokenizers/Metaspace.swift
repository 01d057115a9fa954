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
  func apply(to text: inout AlignedText, _ pieces: inout [Range<Int>]) {
    var marked = AlignedText(bytes: [], sources: [], base: text.base)
    var result: [Range<Int>] = []
    for piece in pieces where !piece.isEmpty {
      var start = marked.bytes.count
      let origin = text.source(of: piece).lowerBound
      let beginsMarked = text.bytes[piece].starts(with: mark) || text.bytes[piece.lowerBound] == UInt8(ascii: " ")
      if !beginsMarked, prependScheme == .always || (prependScheme == .first && origin == 0) {
        marked.append(mark, from: origin..<origin)
      }
      for index in piece {
        let source = text.source(of: index..<index + 1)
        let isMark = text.bytes[index] == UInt8(ascii: " ") || text.bytes[index..<piece.upperBound].starts(with: mark)
        if splits, isMark, marked.bytes.count > start {
          result.append(start..<marked.bytes.count)
          start = marked.bytes.count
        }
        marked.append(text.bytes[index] == UInt8(ascii: " ") ? mark : [text.bytes[index]], from: source)
      }
      result.append(start..<marked.bytes.count)
    }
    text = marked
    pieces = result
  }
}

extension AlignedText {
  /// Adds bytes that all came from one range of the original text.
  fileprivate mutating func append(_ new: [UInt8], from source: Range<Int>) {
    bytes.append(contentsOf: new)
    sources?.append(contentsOf: repeatElement(source, count: new.count))
  }
}
