/// The 64-bit checksum of Zstandard frames (`xxhash_spec.md` of Cyan4973/xxHash), seed 0.
struct XXHash64 {
  private static let primes: (UInt64, UInt64, UInt64, UInt64, UInt64) = (
    0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63, 0x27D4_EB2F_1656_67C5
  )

  private var lanes = SIMD4<UInt64>(primes.0 &+ primes.1, primes.1, 0, 0 &- primes.0)
  private var waiting: [UInt8] = []
  private var count: UInt64 = 0

  mutating func update(_ bytes: [UInt8]) {
    count += UInt64(bytes.count)
    waiting += bytes
    let whole = waiting.count / 32
    waiting.withUnsafeBytes { bytes in
      for stripe in 0..<whole {
        for lane in 0..<4 {
          lanes[lane] = Self.round(
            lanes[lane], bytes.loadUnaligned(fromByteOffset: 32 * stripe + 8 * lane, as: UInt64.self))
        }
      }
    }
    waiting.removeFirst(32 * whole)
  }

  private static func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 - bits) }

  private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
    rotated(lane &+ UInt64(littleEndian: input) &* primes.1, 31) &* primes.0
  }

  var value: UInt64 {
    let (p1, p2, p3, p4, p5) = Self.primes
    var hash = p5
    if count >= 32 {
      hash = Self.rotated(lanes[0], 1) &+ Self.rotated(lanes[1], 7) &+ Self.rotated(lanes[2], 12)
      hash = hash &+ Self.rotated(lanes[3], 18)
      for lane in 0..<4 { hash = (hash ^ Self.round(0, lanes[lane])) &* p1 &+ p4 }
    }
    hash = hash &+ count
    var rest = waiting[...]
    func number(_ bytes: Int) -> UInt64 {
      rest.prefix(bytes).enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
    }
    while rest.count >= 8 {
      hash = Self.rotated(hash ^ Self.round(0, number(8)), 27) &* p1 &+ p4
      rest = rest.dropFirst(8)
    }
    if rest.count >= 4 {
      hash = Self.rotated(hash ^ number(4) &* p1, 23) &* p2 &+ p3
      rest = rest.dropFirst(4)
    }
    for byte in rest { hash = Self.rotated(hash ^ UInt64(byte) &* p5, 11) &* p1 }
    hash = (hash ^ hash >> 33) &* p2
    hash = (hash ^ hash >> 29) &* p3
    return hash ^ hash >> 32
  }
}
