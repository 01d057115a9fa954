/// Reads the fields of a protocol-buffers message.
struct ProtobufReader {
  enum Value {
    case integer(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The next field, or nil at the end.
  ///
  /// - Throws: `TokenizerError` without the name of the file where the bytes are not a message.
  mutating func next() throws -> (field: Int, value: Value)? {
    guard !rest.isEmpty else { return nil }
    let key = try integer()
    let field = Int(truncatingIfNeeded: key >> 3)
    switch key & 7 {
    case 0: return (field, .integer(try integer()))
    case 1: return (field, .fixed64(try take(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }))
    case 2:
      let count = try integer()
      guard count <= UInt64(rest.count) else { throw Self.malformed }
      return (field, .bytes(try take(Int(count))))
    case 5: return (field, .fixed32(try take(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }))
    default: throw Self.malformed
    }
  }

  private static var malformed: TokenizerError { TokenizerError(.malformedFile, "not a SentencePiece model") }

  private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
    guard count <= rest.count else { throw Self.malformed }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  private mutating func integer() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = rest.popFirst() else { throw Self.malformed }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    throw Self.malformed
  }
}
