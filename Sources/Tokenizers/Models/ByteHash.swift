/// A seeded hash of byte strings, eight bytes at a time.
///
/// The seed is drawn once per table, so that no file or text can be made to collide.
struct ByteHash: Sendable {
  private let seed = UInt64.random(in: 0...UInt64.max)
  private let multiplier = UInt64.random(in: 0...UInt64.max) | 1

  /// The hash of the bytes.
  @inline(__always)
  func callAsFunction(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    guard let base = bytes.baseAddress else { return seed }
    let raw = UnsafeRawPointer(base)
    let count = bytes.count
    var hash = seed ^ UInt64(truncatingIfNeeded: count)
    var offset = 0
    while offset + 8 <= count {
      hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    if offset < count {
      var tail: UInt64 = 0
      if count >= 8 {
        tail = raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      } else if count >= 4 {
        tail = UInt64(raw.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)) << 32
        tail |= UInt64(raw.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
      } else {
        tail = UInt64(bytes[0]) | UInt64(bytes[count >> 1]) << 8 | UInt64(bytes[count - 1]) << 16
      }
      hash = mix(hash ^ tail)
    }
    return hash
  }

  @inline(__always)
  private func mix(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: multiplier)
    return product.high ^ product.low
  }
}
