/// Reads a JSON text byte by byte and tells whether it can still become one that a schema accepts.
///
/// All ways to read what has come so far are followed at once; each is a stack of what is expected, innermost last.
struct JSONMatcher: Sendable {
  /// Something that is expected or half read.
  private enum Frame: Hashable, Sendable {
    case value(SchemaID)
    case literal([UInt8], position: Int)
    /// Characters so far; what an escape or a character of several bytes still lacks.
    case string(count: Int, limits: ClosedRange<Int>, StringState)
    case number(NumberState, isInteger: Bool)
    case object(SchemaID, next: Int, Phase)
    case array(SchemaID, count: Int, Phase)
    case colon
    /// White space that may come before what lies below; so much has come.
    case space(Int)
  }

  private enum Phase: Hashable { case first, afterItem, needsItem }
  private enum StringState: Hashable {
    case plain
    case escape
    case digits(Int)
    case continuation(Int)
  }
  private enum NumberState: Hashable {
    case sign, zero, integer, point, fraction, exponent, exponentSign, exponentDigits
  }

  /// A schema, compared by identity.
  private struct SchemaID: Hashable, @unchecked Sendable {
    let schema: JSONSchema
    static func == (a: Self, b: Self) -> Bool { a.schema === b.schema }
    func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(schema)) }
  }

  private var stacks: Set<[Frame]>

  /// White space that may follow `spaces`: one space, or a line's end and an indentation. Models that like more would never end.
  private static func spaces(after spaces: Int, _ byte: UInt8) -> Int? {
    switch (byte, spaces) {
    case (0x20, 0): return spaceLimit
    case (0x0a, 0): return 1
    case (0x20, 1..<spaceLimit), (0x09, 1..<spaceLimit): return spaces + 1
    default: return nil
    }
  }

  /// The longest white space.
  private static let spaceLimit = 32
  /// Ways to read a text that are followed at once.
  private static let stackLimit = 512

  init(_ schema: JSONSchema) { stacks = [[.value(SchemaID(schema: schema))]] }

  /// Whether the text so far is whole.
  var isComplete: Bool {
    stacks.contains { stack in
      if stack.isEmpty { return true }
      if stack.count == 1, case .number(let state, _) = stack[0] { return Self.ends(state) }
      return false
    }
  }

  /// Takes bytes; false, and nothing is taken, where they cannot follow.
  mutating func append(_ bytes: [UInt8]) -> Bool {
    var current = stacks
    for byte in bytes {
      var next: Set<[Frame]> = []
      for stack in current { Self.step(stack, byte, &next) }
      guard !next.isEmpty, next.count <= Self.stackLimit else { return false }
      current = next
    }
    stacks = current
    return true
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0a || byte == 0x09 || byte == 0x0d }

  private static func step(_ stack: [Frame], _ byte: UInt8, _ next: inout Set<[Frame]>) {
    guard let top = stack.last else { return }
    let rest = Array(stack.dropLast())
    switch top {
    case .space(let count):
      if !isSpace(byte) {
        step(rest, byte, &next)
      } else if let count = spaces(after: count, byte) {
        next.insert(rest + [.space(count)])
      }
    case .value(let id):
      begin(id.schema, rest, byte, &next)
    case .literal(let bytes, let position):
      guard bytes[position] == byte else { return }
      next.insert(position + 1 == bytes.count ? rest : rest + [.literal(bytes, position: position + 1)])
    case .string(let count, let limits, let state):
      string(rest, byte, count: count, limits: limits, state, &next)
    case .number(let state, let isInteger):
      if let following = number(state, byte, isInteger: isInteger) {
        next.insert(rest + [.number(following, isInteger: isInteger)])
      } else if ends(state) {
        step(rest, byte, &next)
      }
    case .object(let id, let index, let phase):
      object(id, next: index, phase, rest, byte, &next)
    case .array(let id, let count, let phase):
      array(id, count: count, phase, rest, byte, &next)
    case .colon:
      if byte == UInt8(ascii: ":") { next.insert(rest) }
    }
  }

  /// The first byte of a value.
  private static func begin(_ schema: JSONSchema, _ rest: [Frame], _ byte: UInt8, _ next: inout Set<[Frame]>) {
    switch schema.form {
    case .any:
      for form in [JSONSchema.anyObject, anyArray, anyString, anyNumber, words] { begin(form, rest, byte, &next) }
    case .object:
      guard byte == UInt8(ascii: "{") else { return }
      next.insert(rest + [.object(SchemaID(schema: schema), next: 0, .first), .space(0)])
    case .array:
      guard byte == UInt8(ascii: "[") else { return }
      next.insert(rest + [.array(SchemaID(schema: schema), count: 0, .first), .space(0)])
    case .string(let limits):
      guard byte == UInt8(ascii: "\"") else { return }
      next.insert(rest + [.string(count: 0, limits: limits, .plain)])
    case .number(let isInteger):
      switch byte {
      case UInt8(ascii: "-"): next.insert(rest + [.number(.sign, isInteger: isInteger)])
      case UInt8(ascii: "0"): next.insert(rest + [.number(.zero, isInteger: isInteger)])
      case UInt8(ascii: "1")...UInt8(ascii: "9"): next.insert(rest + [.number(.integer, isInteger: isInteger)])
      default: return
      }
    case .literals(let texts):
      for text in texts where text.first == byte {
        next.insert(text.count == 1 ? rest : rest + [.literal(text, position: 1)])
      }
    case .oneOf(let schemas):
      for choice in schemas { begin(choice, rest, byte, &next) }
    }
  }

  private static let anyArray = JSONSchema(.array(items: .any, count: 0...Int.max))
  private static let anyString = JSONSchema(.string(count: 0...Int.max))
  private static let anyNumber = JSONSchema(.number(isInteger: false))
  private static let words = JSONSchema(.literals([Array("true".utf8), Array("false".utf8), Array("null".utf8)]))

  private static func string(
    _ rest: [Frame], _ byte: UInt8, count: Int, limits: ClosedRange<Int>, _ state: StringState,
    _ next: inout Set<[Frame]>
  ) {
    func insert(_ count: Int, _ state: StringState) {
      // Counts that no limit asks about would only tell stacks apart.
      let isCounted = limits.lowerBound > 0 || limits.upperBound < .max
      next.insert(rest + [.string(count: isCounted ? count : 0, limits: limits, state)])
    }
    switch state {
    case .plain:
      if byte == UInt8(ascii: "\"") {
        if count >= limits.lowerBound { next.insert(rest) }
        return
      }
      guard byte >= 0x20, count < limits.upperBound else { return }
      switch byte {
      case UInt8(ascii: "\\"): insert(count, .escape)
      case ..<0x80: insert(count + 1, .plain)
      case 0xc2...0xdf: insert(count + 1, .continuation(1))
      case 0xe0...0xef: insert(count + 1, .continuation(2))
      case 0xf0...0xf4: insert(count + 1, .continuation(3))
      default: return
      }
    case .escape:
      if byte == UInt8(ascii: "u") {
        insert(count, .digits(4))
      } else if "\"\\/bfnrt".utf8.contains(byte) {
        insert(count + 1, .plain)
      }
    case .digits(let left):
      guard Character(Unicode.Scalar(byte)).isHexDigit, byte < 0x80 else { return }
      insert(left == 1 ? count + 1 : count, left == 1 ? .plain : .digits(left - 1))
    case .continuation(let left):
      guard (0x80...0xbf).contains(byte) else { return }
      insert(count, left == 1 ? .plain : .continuation(left - 1))
    }
  }

  private static func ends(_ state: NumberState) -> Bool {
    switch state {
    case .zero, .integer, .fraction, .exponentDigits: true
    case .sign, .point, .exponent, .exponentSign: false
    }
  }

  private static func number(_ state: NumberState, _ byte: UInt8, isInteger: Bool) -> NumberState? {
    let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    let isExponent = byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
    switch state {
    case .sign: return byte == UInt8(ascii: "0") ? .zero : isDigit ? .integer : nil
    case .zero, .integer:
      if isDigit { return state == .integer ? .integer : nil }
      if isInteger { return nil }
      return byte == UInt8(ascii: ".") ? .point : isExponent ? .exponent : nil
    case .point: return isDigit ? .fraction : nil
    case .fraction: return isDigit ? .fraction : isExponent ? .exponent : nil
    case .exponent:
      return isDigit ? .exponentDigits : byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") ? .exponentSign : nil
    case .exponentSign, .exponentDigits: return isDigit ? .exponentDigits : nil
    }
  }

  private static func object(
    _ id: SchemaID, next index: Int, _ phase: Phase, _ rest: [Frame], _ byte: UInt8, _ next: inout Set<[Frame]>
  ) {
    guard case .object(let properties, let additional) = id.schema.form else { return }
    /// A key, whose opening quotation mark has come, its value, and what then follows in the object.
    func insert(next index: Int, key: Frame, _ value: JSONSchema) {
      next.insert(
        rest + [
          .object(id, next: index, .afterItem), .space(0), .value(SchemaID(schema: value)), .space(0), .colon,
          .space(0),
          key,
        ])
    }
    switch byte {
    case UInt8(ascii: "}"):
      if phase != .needsItem, !properties[index...].contains(where: \.isRequired) { next.insert(rest) }
    case UInt8(ascii: ",") where phase == .afterItem:
      if index < properties.count || additional != nil {
        next.insert(rest + [.object(id, next: index, .needsItem), .space(0)])
      }
    case UInt8(ascii: "\"") where phase != .afterItem:
      // The declared properties come in their order; those that are not required may be left out.
      for (position, property) in properties.enumerated().dropFirst(index) {
        insert(next: position + 1, key: .literal(property.key, position: 0), property.schema)
        if property.isRequired { break }
      }
      if let additional {
        insert(next: index, key: .string(count: 0, limits: 0...Int.max, .plain), additional)
      }
    default: return
    }
  }

  private static func array(
    _ id: SchemaID, count: Int, _ phase: Phase, _ rest: [Frame], _ byte: UInt8, _ next: inout Set<[Frame]>
  ) {
    guard case .array(let items, let limits) = id.schema.form else { return }
    if byte == UInt8(ascii: "]") {
      if phase != .needsItem, count >= limits.lowerBound { next.insert(rest) }
    } else if phase == .afterItem {
      if byte == UInt8(ascii: ","), count < limits.upperBound {
        next.insert(rest + [.array(id, count: count, .needsItem), .space(0)])
      }
    } else if count < limits.upperBound {
      let isCounted = limits.lowerBound > 0 || limits.upperBound < .max
      begin(items, rest + [.array(id, count: isCounted ? count + 1 : 0, .afterItem), .space(0)], byte, &next)
    }
  }
}
