/// Random numbers as a function of a seed, a stream and a counter.
///
/// Any number of a stream can be computed without the ones before it, so parallel work draws the same numbers at any
/// thread count. The mixing function is SplitMix64's finaliser, applied to the key and then to the counter.
public struct CounterRandom: Sendable, RandomNumberGenerator {
  private let key: UInt64
  /// The counter of the next number that `next()` returns.
  public private(set) var counter: UInt64 = 0

  /// The stream `stream` of the seed `seed`.
  public init(seed: UInt64, stream: UInt64 = 0) {
    key = Self.mix(Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15) ^ (stream &* 0xD134_2543_DE82_EF95 &+ 0x632B_E59B_D9B4_E019))
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// The 64 random bits at `counter`.
  public func bits(at counter: UInt64) -> UInt64 {
    Self.mix(key &+ (counter &+ 1) &* 0x9E37_79B9_7F4A_7C15)
  }

  /// A number in [0, 1) with 53 random bits, at `counter`.
  public func uniform(at counter: UInt64) -> Double {
    Double(bits(at: counter) >> 11) * 0x1p-53
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    defer { counter &+= 1 }
    return bits(at: counter)
  }

  /// The next number in [0, 1).
  public mutating func uniform() -> Double {
    defer { counter &+= 1 }
    return uniform(at: counter)
  }
}
