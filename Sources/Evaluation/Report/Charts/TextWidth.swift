/// How wide text is drawn, roughly: the page's font is the reader's, so this is a little more than most fonts take.
enum TextWidth {
  /// The size of text in charts.
  static let size = 12.0

  /// The width at 12 units.
  static func of(_ text: String) -> Double {
    text.unicodeScalars.reduce(0) { $0 + width($1) }
  }

  /// `text`, with its middle left out where it is wider than `limit`: ends of names tell more than middles.
  static func shortened(_ text: String, to limit: Double) -> String {
    guard of(text) > limit else { return text }
    var (head, tail) = (Array(text), [Character]())
    let all = head
    for kept in stride(from: all.count - 1, through: 2, by: -1) {
      head = Array(all.prefix((kept + 1) / 2))
      tail = Array(all.suffix(kept / 2))
      let candidate = String(head) + "…" + String(tail)
      if of(candidate) <= limit { return candidate }
    }
    return "…"
  }

  /// `text` in lines of at most `limit`, broken between words.
  static func lines(_ text: String, limit: Double) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, of("\(last) \(word)") <= limit {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }

  private static func width(_ scalar: Unicode.Scalar) -> Double {
    switch scalar {
    case "i", "j", "l", "I", "t", "f", "r", ".", ",", ":", ";", "'", "|", "!", "(", ")", "[", "]", " ", "\u{a0}": 4.6
    case "\u{202f}": 4
    case "m", "w", "M", "W", "@", "%": 11.7
    case "A"..."Z": 8.6
    case "0"..."9": 7.7
    case "\u{300}"..."\u{36f}", "\u{200b}"..."\u{200f}", "\u{fe00}"..."\u{fe0f}": 0
    case "\u{1100}"..."\u{11ff}", "\u{2e80}"..."\u{d7ff}", "\u{f900}"..."\u{faff}", "\u{ff00}"..."\u{ff60}",
      "\u{1f300}"...:
      12.5
    default: 7.5
    }
  }
}
