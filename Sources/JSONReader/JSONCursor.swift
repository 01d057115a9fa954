/// A place in the bytes of a JSON document, and the steps that lead on from it.
///
/// Strict in syntax (RFC 8259) and in UTF-8; a byte-order mark before the document is skipped, lone surrogate escapes
/// become U+FFFD. Time is linear in the bytes passed over.
@usableFromInline
package struct JSONCursor {
  /// The document.
  @usableFromInline
  package let bytes: UnsafeBufferPointer<UInt8>
  /// The offset of the next byte.
  @usableFromInline
  package var position = 0

  /// A cursor at the beginning of a document.
  package init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { position = 3 }
  }

  /// An error at this place.
  @usableFromInline
  package func error(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

  /// The byte at this place, nil at the end of the document.
  var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Passes over white space; the byte after it, zero at the end of the document.
  @inlinable @inline(__always)
  package mutating func next() -> UInt8 {
    while position < bytes.count {
      let byte = bytes[position]
      if byte > 0x20 { return byte }
      guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return byte }
      position &+= 1
      // An indentation is passed in steps of eight.
      while position &+ 8 <= bytes.count {
        let spaces = ByteWord(bytes, at: position).equal(to: 0x20)
        position &+= (~spaces & 0x8080_8080_8080_8080).trailingZeroBitCount &>> 3
        if spaces != 0x8080_8080_8080_8080 { break }
      }
    }
    return 0
  }

  /// Passes over white space and one byte, which must be this one.
  @inlinable @inline(__always)
  package mutating func expect(_ byte: UInt8) throws {
    guard next() == byte else { throw error("expected '\(Unicode.Scalar(byte))'") }
    position += 1
  }

  /// Passes over white space, after which the document must end.
  package mutating func expectEnd() throws {
    guard next() == 0, position == bytes.count else { throw error("text after the end of the document") }
  }

  /// Passes over an object; `member` passes over each key, colon and value, and is called before each key.
  @inlinable @inline(__always)
  package mutating func members(_ member: (inout JSONCursor) throws -> Void) throws {
    try expect(UInt8(ascii: "{"))
    try list(upTo: UInt8(ascii: "}")) { cursor in
      guard cursor.next() == UInt8(ascii: "\"") else { throw cursor.error("expected a key in quotes") }
      try member(&cursor)
    }
  }

  /// Passes over an array; `element` passes over each value.
  @inlinable @inline(__always)
  package mutating func elements(_ element: (inout JSONCursor) throws -> Void) throws {
    try expect(UInt8(ascii: "["))
    try list(upTo: UInt8(ascii: "]"), element)
  }

  @inlinable @inline(__always)
  mutating func list(upTo end: UInt8, _ item: (inout JSONCursor) throws -> Void) throws {
    if next() == end {
      position += 1
      return
    }
    while true {
      try item(&self)
      let byte = next()
      guard byte == UInt8(ascii: ",") || byte == end else {
        throw error("expected ',' or '\(Unicode.Scalar(end))'")
      }
      position += 1
      if byte == end { return }
    }
  }
}
