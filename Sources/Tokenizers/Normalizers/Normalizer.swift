/// A rewriting of the text before the model sees it.
enum Normalizer: Sendable {
  /// The Unicode normalization forms (Unicode Standard Annex 15).
  enum Form: String, Sendable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"
  }

  case form(Form)
  /// Lower case, scalar by scalar.
  case lowercase
  /// Drops all marks (general category M).
  case stripAccents
  case replace([UInt8], with: [UInt8])
  /// Puts bytes before a text that is not empty.
  case prepend([UInt8])
  /// Drops white space at the ends.
  case strip(left: Bool, right: Bool)
  indirect case sequence([Normalizer])

  /// Rewrites the text and keeps track of where its bytes came from.
  func apply(to text: inout AlignedText) {
    switch self {
    case .sequence(let normalizers): for normalizer in normalizers { normalizer.apply(to: &text) }
    case .prepend(let bytes):
      guard !text.bytes.isEmpty else { return }
      text.rewrite([(0..<0, bytes), (0..<text.bytes.count, nil)])
    case .replace(let pattern, let content): replace(pattern, content, in: &text)
    case .strip(let left, let right): strip(left, right, &text)
    case .lowercase: rewriteScalars(of: &text) { Array($0.properties.lowercaseMapping.utf8) }
    case .stripAccents:
      rewriteScalars(of: &text) { scalar in
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: []
        default: nil
        }
      }
    case .form(let form): normalize(form, &text)
    }
  }

  private func rewriteScalars(of text: inout AlignedText, _ transform: (Unicode.Scalar) -> [UInt8]?) {
    var edits: [(Range<Int>, [UInt8]?)] = []
    var index = 0
    for scalar in String(decoding: text.bytes, as: UTF8.self).unicodeScalars {
      let end = index + UTF8.width(scalar)
      edits.append((index..<end, transform(scalar)))
      index = end
    }
    text.rewrite(edits)
  }

  /// Grapheme clusters are normalized one by one: no composition crosses their borders.
  private func normalize(_ form: Form, _ text: inout AlignedText) {
    var edits: [(Range<Int>, [UInt8]?)] = []
    var index = 0
    for character in String(decoding: text.bytes, as: UTF8.self) {
      let end = index + character.utf8.count
      if character.isASCII {
        edits.append((index..<end, nil))
      } else {
        edits.append((index..<end, Array(form.normalized(String(character)).utf8)))
      }
      index = end
    }
    text.rewrite(edits)
  }

  private func replace(_ pattern: [UInt8], _ content: [UInt8], in text: inout AlignedText) {
    guard !pattern.isEmpty else { return }
    var edits: [(Range<Int>, [UInt8]?)] = []
    var kept = 0
    var index = 0
    while index + pattern.count <= text.bytes.count {
      if text.bytes[index..<index + pattern.count].elementsEqual(pattern) {
        edits.append((kept..<index, nil))
        edits.append((index..<index + pattern.count, content))
        index += pattern.count
        kept = index
      } else {
        index += 1
      }
    }
    edits.append((kept..<text.bytes.count, nil))
    text.rewrite(edits)
  }

  private func strip(_ left: Bool, _ right: Bool, _ text: inout AlignedText) {
    let scalars = String(decoding: text.bytes, as: UTF8.self).unicodeScalars
    let start = left ? scalars.prefix { $0.properties.isWhitespace }.reduce(0) { $0 + UTF8.width($1) } : 0
    let trailing = right ? scalars.reversed().prefix { $0.properties.isWhitespace } : []
    let end = max(start, text.bytes.count - trailing.reduce(0) { $0 + UTF8.width($1) })
    text.rewrite([(start..<end, nil)])
  }
}
