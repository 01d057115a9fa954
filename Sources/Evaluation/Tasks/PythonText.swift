import Foundation

/// Operations on text with the results that Python gives, by which prompts of tasks are defined.
enum PythonText {
  /// What `str.isspace` takes for white space.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// `text.strip()`.
  static func stripped(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !isSpace($0) }), let last = scalars.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(scalars[first...last])
  }

  /// `text.capitalize()`: the first character as in a title, the others in lower case.
  static func capitalized(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping
      + text.unicodeScalars.dropFirst().map { $0.properties.lowercaseMapping }.joined()
  }

  /// `text.replace(old, new)`, byte by byte from the left.
  static func replaced(_ text: String, _ old: String, with new: String) -> String {
    let (bytes, pattern) = (Array(text.utf8), Array(old.utf8))
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index...].starts(with: pattern) {
        result += new.utf8
        index += pattern.count
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// `re.sub("\[.*?\]", "", text)`: no bracket pair spans a line end.
  static func withoutBrackets(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "["),
        let end = bytes[index...].firstIndex(where: { $0 == UInt8(ascii: "]") || $0 == UInt8(ascii: "\n") }),
        bytes[end] == UInt8(ascii: "]")
      {
        index = end + 1
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
