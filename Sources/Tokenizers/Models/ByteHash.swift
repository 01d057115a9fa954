/// A seeded hash of byte strings, sixteen bytes at a time.
///
/// The seeds are drawn once per table, so that no file or text can be made to collide.
struct ByteHash: Sendable {
  private let seed = UInt64.random(in: 0...UInt64.max)
  private let multiplier = UInt64.random(in: 0...UInt64.max) | 1

  /// The hash of a string.
  @inline(__always)
  func callAsFunction(_ string: ByteSlice) -> UInt64 {
    if string.count <= 16 { return callAsFunction(string.words, string.count) }
    // Through a product, for the same reason as below.
    var hash = mix(seed ^ UInt64(truncatingIfNeeded: string.count), multiplier)
    var offset = 0
    while offset + 16 < string.count {
      hash = mix(hash ^ string.word(at: offset), multiplier ^ string.word(at: offset + 8))
      offset += 16
    }
    return mix(hash ^ string.word(at: string.count - 16), multiplier ^ string.word(at: string.count - 8))
  }

  /// The hash of a string of at most sixteen bytes, given as its words.
  @inline(__always)
  func callAsFunction(_ words: (first: UInt64, second: UInt64), _ count: Int) -> UInt64 {
    // Added after the product, and in all bits: beside a byte, the length could make up for a difference of bytes.
    mix(seed ^ words.first, multiplier ^ words.second) &+ UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
  }

  @inline(__always)
  private func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }
}
