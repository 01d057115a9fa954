import JSONReader

/// Parses JSON text (RFC 8259) until `JSONReader` has its own entry point.
struct JSONText {
  /// Where and why the text is not JSON.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private static let depthLimit = 128
  private let bytes: UnsafeBufferPointer<UInt8>
  private var index = 0
  private var depth = 0

  /// The value the bytes spell.
  static func parse(_ bytes: [UInt8]) throws -> JSONValue {
    try bytes.withUnsafeBufferPointer { buffer in
      var text = JSONText(bytes: buffer)
      let value = try text.value()
      text.skipSpace()
      guard text.index == buffer.count else { throw text.failure("more text after the value") }
      return value
    }
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private func failure(_ what: String) -> Failure { Failure(description: "not JSON at byte \(index): \(what)") }

  private var next: UInt8 { index < bytes.count ? bytes[index] : 0 }

  private mutating func skipSpace() {
    while next == 0x20 || next == 0x0a || next == 0x0d || next == 0x09 { index += 1 }
  }

  private mutating func accept(_ byte: UInt8) -> Bool {
    skipSpace()
    guard next == byte, index < bytes.count else { return false }
    index += 1
    return true
  }

  private mutating func value() throws -> JSONValue {
    skipSpace()
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else { throw failure("nested too deeply") }
    switch next {
    case UInt8(ascii: "{"): return .object(try members())
    case UInt8(ascii: "["): return .array(try elements())
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func members() throws -> [(key: String, value: JSONValue)] {
    index += 1
    var result: [(key: String, value: JSONValue)] = []
    if accept(UInt8(ascii: "}")) { return result }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw failure("a key must be a string") }
      let key = try string()
      guard accept(UInt8(ascii: ":")) else { throw failure("a colon is missing") }
      result.append((key, try value()))
    } while accept(UInt8(ascii: ","))
    guard accept(UInt8(ascii: "}")) else { throw failure("an object does not end") }
    return result
  }

  private mutating func elements() throws -> [JSONValue] {
    index += 1
    var result: [JSONValue] = []
    if accept(UInt8(ascii: "]")) { return result }
    repeat { result.append(try value()) } while accept(UInt8(ascii: ","))
    guard accept(UInt8(ascii: "]")) else { throw failure("an array does not end") }
    return result
  }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws -> JSONValue {
    let spelled = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard bytes[index...].starts(with: spelled) else { throw failure("an unknown word") }
    index += spelled.count
    return value
  }

  private mutating func number() throws -> JSONValue {
    let start = index
    while "+-.eE0123456789".utf8.contains(next) { index += 1 }
    let digits = String(decoding: bytes[start..<index], as: UTF8.self)
    if let integer = Int(digits) { return .integer(integer) }
    guard let number = Double(digits) else { throw failure("a value is missing") }
    return .number(number)
  }

  private mutating func string() throws -> String {
    index += 1
    var result: [UInt8] = []
    while index < bytes.count, next != UInt8(ascii: "\"") {
      let byte = next
      index += 1
      if byte != UInt8(ascii: "\\") {
        result.append(byte)
        continue
      }
      let escape = next
      index += 1
      switch escape {
      case UInt8(ascii: "n"): result.append(0x0a)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "r"): result.append(0x0d)
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0c)
      case UInt8(ascii: "u"): result.append(contentsOf: try escapedScalar().utf8Bytes)
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(escape)
      default: throw failure("an unknown escape")
      }
    }
    guard index < bytes.count else { throw failure("a string does not end") }
    index += 1
    return String(decoding: result, as: UTF8.self)
  }

  private mutating func escapedScalar() throws -> Unicode.Scalar {
    let first = try hexadecimal()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xdc00, bytes[min(index, bytes.count)...].starts(with: [0x5c, 0x75]) else { return "\u{fffd}" }
    index += 2
    let second = try hexadecimal()
    guard (0xdc00..<0xe000).contains(second) else { return "\u{fffd}" }
    return Unicode.Scalar(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)) ?? "\u{fffd}"
  }

  private mutating func hexadecimal() throws -> UInt32 {
    guard index + 4 <= bytes.count,
      let value = UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
    else { throw failure("four hexadecimal digits are missing") }
    index += 4
    return value
  }
}

extension Unicode.Scalar {
  fileprivate var utf8Bytes: [UInt8] { Array(String(Character(self)).utf8) }
}
