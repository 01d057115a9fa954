/// Unicode scalars in valid UTF-8 bytes.
enum UTF8Scalar {
  /// The length in bytes of the scalar that begins with this byte.
  @inline(__always)
  static func length(lead: UInt8) -> Int { lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4 }

  /// The first byte of a scalar.
  static func lead(_ scalar: UInt32) -> UInt8 {
    let lead: UInt32
    switch scalar {
    case ..<0x80: lead = scalar
    case ..<0x800: lead = 0xc0 | scalar >> 6
    case ..<0x10000: lead = 0xe0 | scalar >> 12
    default: lead = 0xf0 | scalar >> 18
    }
    return UInt8(truncatingIfNeeded: lead)
  }

  /// The scalar at `index`; the bytes must be valid UTF-8.
  @inline(__always)
  static func decode(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> (scalar: UInt32, length: Int) {
    let lead = bytes[index]
    if lead < 0x80 { return (UInt32(lead), 1) }
    let length = length(lead: lead)
    guard index + length <= bytes.count else { return (0xfffd, bytes.count - index) }
    var scalar = UInt32(lead) & (length == 2 ? 0x1f : length == 3 ? 0x0f : 0x07)
    for offset in 1..<length { scalar = scalar << 6 | UInt32(bytes[index + offset] & 0x3f) }
    return (scalar, length)
  }

  /// The first byte of the scalar that ends before `index`.
  @inline(__always)
  static func start(before index: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var start = index - 1
    while start > 0, bytes[start] & 0xc0 == 0x80 { start -= 1 }
    return start
  }

  /// Appends the bytes of a scalar.
  @inline(__always)
  static func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
    switch scalar {
    case ..<0x80: bytes.append(UInt8(truncatingIfNeeded: scalar))
    case ..<0x800:
      bytes.append(UInt8(truncatingIfNeeded: 0xc0 | scalar >> 6))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3f))
    case ..<0x10000:
      bytes.append(UInt8(truncatingIfNeeded: 0xe0 | scalar >> 12))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3f))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3f))
    default:
      bytes.append(UInt8(truncatingIfNeeded: 0xf0 | scalar >> 18))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3f))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3f))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3f))
    }
  }

  /// The scalars of valid UTF-8.
  static func scalars(of bytes: some Sequence<UInt8>) -> [UInt32] {
    let bytes = Array(bytes)
    return bytes.withUnsafeBufferPointer { buffer in
      var result: [UInt32] = []
      var index = 0
      while index < buffer.count {
        let (scalar, length) = decode(buffer, at: index)
        result.append(scalar)
        index += length
      }
      return result
    }
  }
}
