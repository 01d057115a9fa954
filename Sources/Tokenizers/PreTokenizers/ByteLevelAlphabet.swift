/// The printable alphabet of GPT-2: each byte has a Unicode scalar that stands for it in vocabulary files.
enum ByteLevelAlphabet {
  /// The scalar of each byte.
  static let scalars: [UInt32] = {
    var next: UInt32 = 0x100
    return (UInt32(0)...255).map { byte in
      if (0x21...0x7e).contains(byte) || (0xa1...0xac).contains(byte) || (0xae...0xff).contains(byte) { return byte }
      defer { next += 1 }
      return next
    }
  }()

  /// The UTF-8 of the scalar of each byte.
  static let spellings: [[UInt8]] = scalars.map { scalar in
    var bytes: [UInt8] = []
    UTF8Scalar.append(scalar, to: &bytes)
    return bytes
  }

  /// Bytes as vocabulary files spell them.
  static func spelling(of bytes: some Sequence<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    for byte in bytes { UTF8Scalar.append(scalars[Int(byte)], to: &result) }
    return result
  }

  /// The byte of each scalar below U+0144, −1 where it has none.
  private static let bytes: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar)] = Int16(byte) }
    return table
  }()

  /// The bytes a token stands for, or nil where one of its scalars is not of the alphabet.
  static func decode(_ token: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(token.count)
    var index = 0
    while index < token.count {
      let (scalar, length) = UTF8Scalar.decode(token, at: index)
      guard scalar < 0x144, bytes[Int(scalar)] >= 0 else { return nil }
      result.append(UInt8(truncatingIfNeeded: bytes[Int(scalar)]))
      index += length
    }
    return result
  }

  /// Appends the bytes a token stands for; a token with a scalar outside the alphabet stands for itself.
  static func append(decodingOf token: UnsafeBufferPointer<UInt8>, to result: inout [UInt8]) {
    if !append(strictlyDecoding: token, to: &result) { result.append(contentsOf: token) }
  }

  /// Appends the bytes a token stands for; false, and nothing, where one of its scalars is not of the alphabet.
  static func append(strictlyDecoding token: UnsafeBufferPointer<UInt8>, to result: inout [UInt8]) -> Bool {
    let count = result.count
    return bytes.withUnsafeBufferPointer { table in
      var index = 0
      while index < token.count {
        let (scalar, length) = UTF8Scalar.decode(token, at: index)
        guard scalar < 0x144, table[Int(scalar)] >= 0 else {
          result.removeLast(result.count - count)
          return false
        }
        result.append(UInt8(truncatingIfNeeded: table[Int(scalar)]))
        index += length
      }
      return true
    }
  }
}
