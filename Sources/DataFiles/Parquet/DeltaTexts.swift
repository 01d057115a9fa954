import JSONReader

/// Reads texts whose lengths stand before all of them, and which may share their beginning with the one before
/// (`Encodings.md`, DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY).
struct DeltaTexts {
  private let bytes: UnsafeRawBufferPointer
  private var prefixes: DeltaReader?
  private var lengths: DeltaReader
  private var position: Int
  private var last: [UInt8] = []
  /// Bytes that texts may still take from the ones before them: a few bytes could stand for very much.
  private var repeatable: Int

  init(_ bytes: UnsafeRawBufferPointer, hasPrefixes: Bool, limit: Int) throws {
    self.bytes = bytes
    repeatable = 1100 * bytes.count
    var start = 0
    if hasPrefixes {
      let prefixes = try DeltaReader(bytes, limit: limit)
      start = try Self.end(of: prefixes)
      self.prefixes = prefixes
    }
    lengths = try DeltaReader(bytes, from: start, limit: limit)
    position = try Self.end(of: lengths)
  }

  private static func end(of numbers: DeltaReader) throws -> Int {
    var numbers = numbers
    for _ in 0..<numbers.count { _ = try numbers.next() }
    return numbers.position
  }

  mutating func next() throws -> JSONValue {
    let shared = try prefixes?.next() ?? 0
    let length = try lengths.next()
    guard (0...last.count).contains(shared), length >= 0, length <= bytes.count - position, shared <= repeatable else {
      throw DataFileError.malformed("a text reaches beyond its page")
    }
    repeatable -= shared
    let own = bytes[position..<position + length]
    position += length
    guard prefixes != nil else { return try ValueForm.text(own) }
    last.removeSubrange(shared...)
    last += own
    return try ValueForm.text(last)
  }
}
