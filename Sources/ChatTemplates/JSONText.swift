import Foundation

/// JSON to and from `TemplateValue`, keeping the order of keys.
struct JSONTextReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  /// The value of a whole JSON text; throws `.malformedJSON`.
  static func value(of text: String) throws -> TemplateValue {
    var reader = JSONTextReader(text)
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.position == reader.bytes.count else { throw reader.failure("text after the value") }
    return value
  }

  private func failure(_ what: String) -> TemplateError {
    TemplateError(.malformedJSON, "malformed JSON at byte \(position): \(what)")
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x0a, 0x0d, 0x09].contains(bytes[position]) { position += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws -> TemplateValue {
    guard depth < TemplateLimits.maximumValueDepth else { throw failure("nested too deeply") }
    skipSpace()
    guard position < bytes.count else { throw failure("the text ends early") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["):
      position += 1
      var items: [TemplateValue] = []
      if take(UInt8(ascii: "]")) { return .list(items) }
      repeat { items.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
      guard take(UInt8(ascii: "]")) else { throw failure("expected ] or ,") }
      return .list(items)
    case UInt8(ascii: "\""): return .string(try string())
    default: return try word()
    }
  }

  private mutating func object(depth: Int) throws -> TemplateValue {
    position += 1
    var result = TemplateDictionary()
    if take(UInt8(ascii: "}")) { return .dictionary(result) }
    repeat {
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw failure("expected a key") }
      let key = try string()
      guard take(UInt8(ascii: ":")) else { throw failure("expected :") }
      result[.string(key)] = try value(depth: depth + 1)
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw failure("expected } or ,") }
    return .dictionary(result)
  }

  private mutating func word() throws -> TemplateValue {
    let start = position
    while position < bytes.count, ![0x20, 0x0a, 0x0d, 0x09, 0x2c, 0x5d, 0x7d].contains(bytes[position]) {
      position += 1
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    switch text {
    case "null": return .none
    case "true": return .bool(true)
    case "false": return .bool(false)
    default:
      let isNumeric = text.utf8.allSatisfy { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }
      if isNumeric, text.first != "+", let integer = Int(text) { return .int(integer) }
      if isNumeric, let integer = try BigInteger(decimal: text) { return TemplateValue(integer) }
      if isNumeric, text.first != "+", let number = Double(text) { return .double(number) }
      throw failure("expected a value")
    }
  }

  private mutating func string() throws -> String {
    position += 1
    var result: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: result, as: UTF8.self) }
      guard byte == UInt8(ascii: "\\") else {
        guard byte >= 0x20 else { throw failure("control character in a string") }
        result.append(byte)
        continue
      }
      result.append(contentsOf: try escape())
    }
    throw failure("the string does not end")
  }

  private mutating func escape() throws -> [UInt8] {
    guard position < bytes.count else { throw failure("the string does not end") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "n"): return [0x0a]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "r"): return [0x0d]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0c]
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "u"):
      var code = try fourHexDigits()
      if (0xd800..<0xdc00).contains(code), position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
        bytes[position + 1] == UInt8(ascii: "u")
      {
        let mark = position
        position += 2
        let low = try fourHexDigits()
        if (0xdc00..<0xe000).contains(low) {
          code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00)
        } else {
          position = mark
        }
      }
      return Array(String(Unicode.Scalar(code) ?? "\u{fffd}").utf8)
    default: throw failure("unknown escape")
    }
  }

  private mutating func fourHexDigits() throws -> UInt32 {
    guard position + 4 <= bytes.count,
      let code = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
    else { throw failure("expected four hexadecimal digits") }
    position += 4
    return code
  }
}

extension TemplateValue {
  /// The value of a JSON text, keys in the order of the text; throws `.malformedJSON`.
  public init(json text: String) throws {
    self = try DeepStack.run { try JSONTextReader.value(of: text) }
  }
}
