/// Reads Apache Thrift's compact protocol, in which Parquet writes its headers (`thrift-compact-protocol.md`).
struct ThriftReader {
  /// The types of fields and items.
  enum Kind: UInt8 {
    case isTrue = 1
    case isFalse, byte, int16, int32, int64, double, binary, list, set, map, structure
  }

  private let input: UnsafeRawBufferPointer
  private(set) var position: Int
  private var depth = 0

  /// Structures within structures; those of Parquet are not deeper.
  private static let deepest = 24

  init(_ input: UnsafeRawBufferPointer, from position: Int = 0) {
    self.input = input
    self.position = position
  }

  private mutating func byte() throws -> UInt8 {
    guard position < input.count else { throw DataFileError.malformed("a header ends early") }
    defer { position += 1 }
    return input[position]
  }

  private mutating func variable() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      let next = try byte()
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
    }
    throw DataFileError.malformed("a header has a number without end")
  }

  /// A number of 16 to 64 bits.
  mutating func integer() throws -> Int {
    let value = try variable()
    return Int(truncatingIfNeeded: value >> 1) ^ -Int(value & 1)
  }

  mutating func text() throws -> String {
    let length = try variable()
    guard length <= UInt64(input.count - position) else { throw DataFileError.malformed("a header ends early") }
    let start = position
    position += Int(length)
    return String(decoding: input[start..<position], as: UTF8.self)
  }

  /// Gives each field of a structure to `field`, which returns whether it has read it; others are skipped.
  mutating func structure(_ field: (inout ThriftReader, Int, Kind) throws -> Bool) throws {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw DataFileError.malformed("a header is nested too deeply") }
    var identifier = 0
    while true {
      let head = try byte()
      if head == 0 { return }
      guard let kind = Kind(rawValue: head & 15) else { throw DataFileError.malformed("a header has an unknown type") }
      identifier = head >> 4 == 0 ? try integer() : identifier &+ Int(head >> 4)
      if try !field(&self, identifier, kind) { try skip(kind) }
    }
  }

  /// Reads the items of a list.
  mutating func list<Item>(_ item: (inout ThriftReader) throws -> Item) throws -> [Item] {
    let (count, _) = try listHead()
    var items: [Item] = []
    for _ in 0..<count { items.append(try item(&self)) }
    return items
  }

  private mutating func listHead() throws -> (count: Int, kind: Kind) {
    let head = try byte()
    let count = head >> 4 == 15 ? try variable() : UInt64(head >> 4)
    // Each item has a byte at least.
    guard count <= UInt64(input.count - position), let kind = Kind(rawValue: head & 15) else {
      throw DataFileError.malformed("a header has a list that does not fit in it")
    }
    return (Int(count), kind)
  }

  private mutating func skip(_ kind: Kind, isItem: Bool = false) throws {
    switch kind {
    case .isTrue, .isFalse: if isItem { _ = try byte() }
    case .byte: _ = try byte()
    case .int16, .int32, .int64: _ = try variable()
    case .double: for _ in 0..<8 { _ = try byte() }
    case .binary: _ = try text()
    case .structure: try structure { _, _, _ in false }
    case .list, .set:
      let (count, kind) = try listHead()
      try skipItems(count, [kind])
    case .map:
      let count = try variable()
      guard count > 0 else { return }
      let kinds = try byte()
      guard count <= UInt64(input.count - position), let key = Kind(rawValue: kinds >> 4),
        let value = Kind(rawValue: kinds & 15)
      else { throw DataFileError.malformed("a header has a map that does not fit in it") }
      try skipItems(Int(count), [key, value])
    }
  }

  private mutating func skipItems(_ count: Int, _ kinds: [Kind]) throws {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw DataFileError.malformed("a header is nested too deeply") }
    for _ in 0..<count { for kind in kinds { try skip(kind, isItem: true) } }
  }
}
