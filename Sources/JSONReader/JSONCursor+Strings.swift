extension JSONCursor {
  /// Passes over a string without escapes, whose first quotation mark is the next byte; its content where it stands, or
  /// nil, and no step, where it has escapes or is damaged. Whether the content is UTF-8 is for the caller to see.
  @inlinable @inline(__always)
  package mutating func plainString() -> (content: Range<Int>, isASCII: Bool)? {
    let start = position + 1
    let (end, isASCII) = endOfPlainText(from: start)
    guard end < bytes.count, bytes[end] == UInt8(ascii: "\"") else { return nil }
    position = end + 1
    return (start..<end, isASCII)
  }

  /// The first byte from `start` that does not stand for itself in a string: a quotation mark, a backslash, a control
  /// character, or the end of the document; and whether all before it are ASCII.
  @inlinable @inline(__always)
  func endOfPlainText(from start: Int) -> (end: Int, isASCII: Bool) {
    var index = start
    var nonASCII: UInt64 = 0
    while index &+ 8 <= bytes.count {
      let word = ByteWord(bytes, at: index)
      let ends = word.below(0x20) | word.equal(to: UInt8(ascii: "\"")) | word.equal(to: UInt8(ascii: "\\"))
      if ends != 0 {
        // The bits below the lowest one are those of the bytes before it.
        return (index &+ ends.trailingZeroBitCount &>> 3, nonASCII | word.nonASCII & ((ends & (~ends &+ 1)) &- 1) == 0)
      }
      nonASCII |= word.nonASCII
      index &+= 8
    }
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
      nonASCII |= UInt64(byte & 0x80)
      index += 1
    }
    return (index, nonASCII == 0)
  }

  /// Passes over a string, whose first quotation mark is the next byte, and appends its content.
  package mutating func string(into content: inout [UInt8]) throws {
    let first = content.count
    var isASCII = true
    position += 1
    while true {
      let plain = endOfPlainText(from: position)
      content.append(contentsOf: bytes[position..<plain.end])
      isASCII = isASCII && plain.isASCII
      position = plain.end
      switch current {
      case UInt8(ascii: "\""):
        guard isASCII || content[first...].withUnsafeBufferPointer(UTF8Validation.isValid) else { throw notUTF8 }
        position += 1
        return
      case UInt8(ascii: "\\"):
        position += 1
        try escape(into: &content)
      case nil: throw error("a string without an end")
      default: throw error("a control character inside a string")
      }
    }
  }

  /// Passes over a string, whose first quotation mark is the next byte.
  package mutating func string() throws -> String {
    if let plain = plainString() {
      let content = UnsafeBufferPointer(rebasing: bytes[plain.content])
      guard plain.isASCII || UTF8Validation.isValid(content) else { throw notUTF8 }
      return String(decoding: content, as: UTF8.self)
    }
    var content: [UInt8] = []
    try string(into: &content)
    return String(decoding: content, as: UTF8.self)
  }

  /// The error of a string that is not UTF-8.
  package var notUTF8: JSONError { error("a string that is not UTF-8") }

  private mutating func escape(into content: inout [UInt8]) throws {
    guard let byte = current else { throw error("a string without an end") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "u"):
      var unit = try hexadecimal()
      if 0xD800..<0xDC00 ~= unit, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
        bytes[position + 1] == UInt8(ascii: "u")
      {
        let mark = position
        position += 2
        let low = try hexadecimal()
        if 0xDC00..<0xE000 ~= low {
          unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
        } else {
          position = mark
        }
      }
      content.append(contentsOf: UTF8.encode(Unicode.Scalar(unit) ?? "\u{FFFD}") ?? UTF8.encodedReplacementCharacter)
    default:
      throw error("an unknown escape")
    }
  }

  private mutating func hexadecimal() throws -> UInt32 {
    guard position + 4 <= bytes.count else { throw error("an escape without its four digits") }
    var value: UInt32 = 0
    for _ in 0..<4 {
      let byte = bytes[position]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw error("an escape without its four digits")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }
}
