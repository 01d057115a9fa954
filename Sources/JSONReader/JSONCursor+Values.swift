extension JSONCursor {
  /// Deeper nesting is refused, so that hostile input cannot exhaust the stack.
  static let nestingLimit = 512

  /// Passes over a value.
  package mutating func value() throws -> JSONValue { try value(depth: 0) }

  private mutating func value(depth: Int) throws -> JSONValue {
    guard depth <= Self.nestingLimit else { throw error("nesting deeper than \(Self.nestingLimit)") }
    switch next() {
    case UInt8(ascii: "{"):
      var entries: [(key: String, value: JSONValue)] = []
      try members { cursor in
        let key = try cursor.string()
        guard cursor.next() == UInt8(ascii: ":") else { throw cursor.error("expected ':' after the key \"\(key)\"") }
        cursor.position += 1
        entries.append((key, try cursor.value(depth: depth + 1)))
      }
      return .object(entries)
    case UInt8(ascii: "["):
      var items: [JSONValue] = []
      try elements { items.append(try $0.value(depth: depth + 1)) }
      return .array(items)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default:
      throw error(
        position == bytes.count
          ? "the document ends where a value should be" : "no JSON value starts with this character")
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws -> JSONValue {
    let length = text.utf8CodeUnitCount
    guard position + length <= bytes.count,
      (0..<length).allSatisfy({ bytes[position + $0] == text.utf8Start[$0] })
    else { throw error("expected \(text)") }
    position += length
    return value
  }

  /// Passes over a value, which must be an integer.
  @inlinable @inline(__always)
  package mutating func integer() throws -> Int {
    _ = next()
    let start = position
    var end = start
    var value = 0
    while end < bytes.count, end - start < 15, bytes[end] ^ 0x30 <= 9 {
      value = value &* 10 &+ Int(bytes[end] ^ 0x30)
      end += 1
    }
    // Digits and no more; the rest is for the reader of all numbers.
    if end > start, end < bytes.count, bytes[end] == UInt8(ascii: ",") || bytes[end] <= 0x20,
      bytes[start] != 0x30 || end == start + 1
    {
      position = end
      return value
    }
    return try anyInteger()
  }

  @usableFromInline
  mutating func anyInteger() throws -> Int {
    guard let integer = try value().intValue else { throw error("expected an integer") }
    return integer
  }

  private mutating func number() throws -> JSONValue {
    let start = position
    if current == UInt8(ascii: "-") { position += 1 }
    let integerStart = position
    skipDigits()
    guard position > integerStart else { throw error("expected a digit") }
    if bytes[integerStart] == UInt8(ascii: "0"), position > integerStart + 1 {
      throw error("a number must not start with 0")
    }
    var isInteger = true
    if current == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      let fraction = position
      skipDigits()
      guard position > fraction else { throw error("expected a digit after '.'") }
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      let exponent = position
      skipDigits()
      guard position > exponent else { throw error("expected a digit in the exponent") }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let integer = Int(text) { return .integer(integer) }
    guard let double = Double(text), double.isFinite else { throw error("a number beyond the range of a double") }
    return .number(double)
  }

  private mutating func skipDigits() {
    while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
  }
}
