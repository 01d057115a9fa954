extension String {
  func hasScalarPrefix(_ prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

  func hasScalarSuffix(_ suffix: String) -> Bool {
    utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }

  func stripped(left: Bool, right: Bool, _ isStripped: (Unicode.Scalar) -> Bool) -> String {
    var scalars = unicodeScalars[...]
    if left { scalars = scalars.drop(while: isStripped) }
    if right { while let last = scalars.last, isStripped(last) { scalars.removeLast() } }
    return String(scalars)
  }

  /// Python's `replace`, at most `limit` times where it is not negative.
  func replacing(_ old: String, _ new: String, limit: Int, _ interpreter: Interpreter) throws -> String {
    if old.isEmpty {
      var result = ""
      var count = 0
      for scalar in unicodeScalars {
        if limit < 0 || count < limit { result += new }
        count += 1
        try interpreter.write(String(scalar), into: &result)
      }
      return limit < 0 || count < limit ? result + new : result
    }
    let pieces = ScalarSearch(self).split(old, limit: limit, fromEnd: false)
    let growth = new.utf8.count.multipliedReportingOverflow(by: pieces.count)
    try interpreter.chargeCopy(growth.overflow ? .max : growth.partialValue.advancedSafely(by: utf8.count))
    return pieces.joined(separator: new)
  }

  /// Python's `splitlines`.
  func pythonLines(keepsEnds: Bool) -> [String] {
    var lines: [String] = []
    let scalars = unicodeScalars
    var start = scalars.startIndex
    var index = start
    while index < scalars.endIndex {
      let scalar = scalars[index]
      let end = index
      index = scalars.index(after: index)
      guard scalar.isLineBreak else { continue }
      if scalar == "\r", index < scalars.endIndex, scalars[index] == "\n" { index = scalars.index(after: index) }
      lines.append(String(scalars[start..<(keepsEnds ? index : end)]))
      start = index
    }
    if start < scalars.endIndex { lines.append(String(scalars[start...])) }
    return lines
  }
}

extension Unicode.Scalar {
  /// Whether Python's `splitlines` ends a line here.
  var isLineBreak: Bool {
    switch value {
    case 0x0a...0x0d, 0x1c...0x1e, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }
}
