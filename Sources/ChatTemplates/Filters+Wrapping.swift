extension Filters {
  /// Jinja's `wordwrap`: each line filled up to a width, as Python's `textwrap` does.
  static func wrapped(
    _ text: TemplateText, _ arguments: CallArguments, _ interpreter: Interpreter
  ) throws -> TemplateText {
    let width = try arguments.integer(0, "width", default: 79)
    guard width > 0 else { throw TemplateError(.wrongValue, "invalid width \(width) (must be > 0)") }
    let breaksWords = arguments.flag(1, "break_long_words", default: true)
    let breaksHyphens = arguments.flag(3, "break_on_hyphens", default: true)
    var separator = TemplateText("\n")
    if case .string(let given)? = arguments.value(2, "wrapstring") { separator = given }
    var result = TemplateText()
    for (index, line) in text.lines(keepsEnds: false).enumerated() {
      if index > 0 { try interpreter.write(separator, into: &result) }
      let rows = wrappedLine(chunks(of: line, breaksHyphens), width, breaksWords)
      for (index, row) in rows.enumerated() {
        if index > 0 { try interpreter.write(separator, into: &result) }
        try interpreter.write(row, into: &result)
      }
    }
    return result
  }

  /// Words, with runs of white space between them; a word may be cut after a hyphen between letters.
  private static func chunks(of line: TemplateText, _ breaksHyphens: Bool) -> [TemplateText] {
    var (chunks, start) = ([TemplateText](), 0)
    for word in line.wordRanges {
      if start < word.lowerBound { chunks.append(line.slice(start..<word.lowerBound)) }
      start = word.lowerBound
      if breaksHyphens {
        let scalars = Array(line.slice(word).string.unicodeScalars)
        var offset = word.lowerBound
        for index in scalars.indices {
          offset += scalars[index].utf8Width
          guard scalars[index] == "-", index > 1, index + 2 < scalars.count else { continue }
          let letters = [scalars[index - 2], scalars[index - 1], scalars[index + 1], scalars[index + 2]]
          guard letters.allSatisfy(\.isPythonLetter) else { continue }
          chunks.append(line.slice(start..<offset))
          start = offset
        }
      }
      chunks.append(line.slice(start..<word.upperBound))
      start = word.upperBound
    }
    if start < line.count { chunks.append(line.slice(start..<line.count)) }
    return chunks
  }

  private static func wrappedLine(
    _ chunks: [TemplateText], _ width: Int, _ breaksWords: Bool
  ) -> [TemplateText] {
    func isBlank(_ text: TemplateText?) -> Bool { text?.string.unicodeScalars.allSatisfy(\.isPythonSpace) ?? false }
    var rest = Array(chunks.reversed())
    var rows: [TemplateText] = []
    while !rest.isEmpty {
      var row: [TemplateText] = []
      var length = 0
      if !rows.isEmpty, isBlank(rest.last) { rest.removeLast() }
      while let chunk = rest.last, length + chunk.string.scalarCount <= width {
        length += chunk.string.scalarCount
        row.append(rest.removeLast())
      }
      if let chunk = rest.last, chunk.string.scalarCount > width {
        if breaksWords {
          let cut = chunk.byteOffset(ofScalar: width - length)
          row.append(chunk.slice(0..<cut))
          rest[rest.count - 1] = chunk.slice(cut..<chunk.count)
        } else if row.isEmpty {
          row.append(rest.removeLast())
        }
      }
      if isBlank(row.last) { row.removeLast() }
      if !row.isEmpty { rows.append(.joined(row)) }
    }
    return rows
  }
}
