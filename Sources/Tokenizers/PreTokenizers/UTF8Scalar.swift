/// Unicode scalars in valid UTF-8 bytes.
enum UTF8Scalar {
  /// The length in bytes of the scalar that begins with this byte.
  @inline(__always)
  static func length(lead: UInt8) -> Int { lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4 }

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
  static func start(before index: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var start = index - 1
    while start > 0, bytes[start] & 0xc0 == 0x80 { start -= 1 }
    return start
  }
}
