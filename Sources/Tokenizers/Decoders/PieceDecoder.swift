/// The decoder of SentencePiece vocabularies: `Replace`, `ByteFallback`, `Fuse` and `Strip`, in this order.
struct PieceDecoder: Sendable {
  /// What a token adds to the text.
  enum Part {
    case text([UInt8])
    /// One byte of a character that has no token.
    case byte(UInt8)
  }

  var replacements: [(pattern: [UInt8], content: [UInt8])] = []
  /// Whether `<0xNN>` tokens are bytes.
  var usesByteFallback = false
  /// A byte, and how many of it are dropped at the start of the text.
  var strip: (byte: UInt8, count: Int) = (0, 0)

  /// What the token spelled by `piece` adds, before anything is dropped at the start.
  func part(_ piece: [UInt8]) -> Part {
    var text = piece
    for replacement in replacements { text = Self.replace(replacement.pattern, replacement.content, in: text) }
    if usesByteFallback, text.count == 6, text.starts(with: Array("<0x".utf8)), text[5] == UInt8(ascii: ">"),
      let byte = UInt8(String(decoding: text[3..<5], as: UTF8.self), radix: 16)
    {
      return .byte(byte)
    }
    return .text(text)
  }

  /// The bytes of all pieces; a run of byte tokens that is not valid UTF-8 gives one U+FFFD for each byte.
  func decode(_ pieces: some Sequence<[UInt8]>) -> [UInt8] {
    var result: [UInt8] = []
    var run: [UInt8] = []
    func endRun() {
      let isValid = String(validating: run, as: UTF8.self) != nil
      result.append(contentsOf: isValid ? run : Array(String(repeating: "\u{fffd}", count: run.count).utf8))
      run.removeAll()
    }
    for piece in pieces {
      switch part(piece) {
      case .byte(let byte): run.append(byte)
      case .text(let text):
        endRun()
        result.append(contentsOf: text)
      }
    }
    endRun()
    return Array(result.dropFirst(result.prefix(strip.count).prefix { $0 == strip.byte }.count))
  }

  private static func replace(_ pattern: [UInt8], _ content: [UInt8], in text: [UInt8]) -> [UInt8] {
    guard !pattern.isEmpty, text.count >= pattern.count else { return text }
    var result: [UInt8] = []
    var index = 0
    while index < text.count {
      if text[index...].starts(with: pattern) {
        result.append(contentsOf: content)
        index += pattern.count
      } else {
        result.append(text[index])
        index += 1
      }
    }
    return result
  }
}
