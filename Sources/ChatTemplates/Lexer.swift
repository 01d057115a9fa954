/// Splits a template into tokens with `trim_blocks` and `lstrip_blocks` on and `keep_trailing_newline` off.
struct Lexer {
  typealias Scalars = [Unicode.Scalar]

  let source: Scalars
  var position = 0
  var line = 1
  var tokens: [Token] = []
  /// Whether the text that follows starts a line.
  private var isLineStart = true
  /// The line of the last tag and where it starts; lines are counted on from there.
  private var tagLine = 1
  private var tagLinePosition = 0

  init(_ template: String) {
    var scalars = Scalars()
    var previousWasReturn = false
    for scalar in template.unicodeScalars {
      if scalar == "\n", previousWasReturn {
        previousWasReturn = false
        continue
      }
      previousWasReturn = scalar == "\r"
      scalars.append(previousWasReturn ? "\n" : scalar)
    }
    if scalars.last == "\n" { scalars.removeLast() }
    source = scalars
  }

  /// The tokens of a template, ended by `.end`; throws `.syntax`.
  static func tokens(of template: String) throws -> [Token] {
    var lexer = Lexer(template)
    try lexer.run()
    return lexer.tokens
  }

  private mutating func run() throws {
    while position < source.count {
      let start = position
      while position < source.count, !isTagStart(position) { position += 1 }
      var text = source[start..<position]
      guard position < source.count else {
        append(text)
        break
      }
      let tag = source[position + 1]
      let sign: Unicode.Scalar? = scalar(at: position + 2).flatMap { $0 == "-" || $0 == "+" ? $0 : nil }
      strip(&text, tag: tag, sign: sign)
      append(text)
      line = tagLine + source[tagLinePosition..<position].count { $0 == "\n" }
      (tagLine, tagLinePosition) = (line, position)
      position += sign == nil ? 2 : 3
      switch tag {
      case "#": try skipComment()
      case "{": try lexCode(isBlock: false)
      default:
        if try !lexRaw() { try lexCode(isBlock: true) }
      }
      isLineStart = source[position - 1] == "\n"
    }
    emit(.end)
  }

  func scalar(at index: Int) -> Unicode.Scalar? { index < source.count ? source[index] : nil }

  func starts(with text: String, at index: Int) -> Bool {
    var index = index
    for expected in text.unicodeScalars {
      guard scalar(at: index) == expected else { return false }
      index += 1
    }
    return true
  }

  private func isTagStart(_ index: Int) -> Bool {
    guard source[index] == "{", let next = scalar(at: index + 1) else { return false }
    return next == "{" || next == "%" || next == "#"
  }

  mutating func emit(_ kind: Token.Kind) { tokens.append(Token(kind: kind, line: line)) }

  private mutating func append(_ text: ArraySlice<Unicode.Scalar>) {
    guard !text.isEmpty else { return }
    emit(.data(String(scalars: text)))
  }

  /// Removes the white space before a tag: all of it for `-`, the indentation of a block or comment on its own line
  /// for no sign.
  private func strip(_ text: inout ArraySlice<Unicode.Scalar>, tag: Unicode.Scalar, sign: Unicode.Scalar?) {
    if sign == "-" {
      while let last = text.last, last.isPythonSpace { text.removeLast() }
    } else if sign == nil, tag != "{" {
      let lineStart = text.lastIndex(of: "\n").map { $0 + 1 }
      guard lineStart != nil || isLineStart else { return }
      let indentation = text[(lineStart ?? text.startIndex)...]
      if indentation.allSatisfy(\.isPythonSpace) { text = text[..<indentation.startIndex] }
    }
  }

  private mutating func skipComment() throws {
    while position < source.count {
      if takeEnd("#}", trims: true) { return }
      position += 1
    }
    throw TemplateError(.syntax, "Missing end of comment tag", line: line)
  }

  /// Takes an end tag with its sign and the white space it eats.
  mutating func takeEnd(_ tag: String, trims: Bool) -> Bool {
    if starts(with: tag, at: position) {
      position += 2
      if trims, scalar(at: position) == "\n" { position += 1 }
      return true
    }
    if starts(with: "-" + tag, at: position) {
      position += 3
      while let next = scalar(at: position), next.isPythonSpace { position += 1 }
      return true
    }
    if trims, starts(with: "+" + tag, at: position) {
      position += 3
      return true
    }
    return false
  }

  /// `{% raw %} … {% endraw %}`; false where the block is another.
  private mutating func lexRaw() throws -> Bool {
    let start = position
    guard takeWord("raw"), takeEnd("%}", trims: false) else {
      position = start
      return false
    }
    let textStart = position
    while position < source.count {
      let textEnd = position
      if starts(with: "{%", at: position) {
        position += 2
        let sign = scalar(at: position)
        if sign == "-" || sign == "+" { position += 1 }
        if takeWord("endraw"), takeEnd("%}", trims: true) {
          var text = source[textStart..<textEnd]
          isLineStart = source[textStart - 1] == "\n"
          strip(&text, tag: "%", sign: sign == "-" || sign == "+" ? sign : nil)
          append(text)
          return true
        }
      }
      position = textEnd + 1
    }
    throw TemplateError(.syntax, "Missing end of raw directive", line: line)
  }

  private mutating func takeWord(_ word: String) -> Bool {
    skipSpace()
    guard starts(with: word, at: position) else { return false }
    position += word.unicodeScalars.count
    skipSpace()
    return true
  }

  mutating func skipSpace() {
    while let next = scalar(at: position), next.isPythonSpace {
      if next == "\n" { line += 1 }
      position += 1
    }
  }
}

extension String {
  init(scalars: some Sequence<Unicode.Scalar>) {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    self = String(view)
  }
}
