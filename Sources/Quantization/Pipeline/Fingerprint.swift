/// A 128-bit digest that tells whether a job folder belongs to this model, text and set of options.
///
/// Two FNV-1a sums with different starting values; it guards against mistakes, not against forgery.
struct Fingerprint {
  private var low: UInt64 = 0xCBF2_9CE4_8422_2325
  private var high: UInt64 = 0x6C62_272E_07BB_0142

  mutating func add(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      low = (low ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
      high = (high ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 &+ 0x9E37
    }
  }

  mutating func add(_ text: String) {
    add(text.utf8)
    add([0])
  }

  mutating func add(_ value: Int) {
    withUnsafeBytes(of: UInt64(bitPattern: Int64(value)).littleEndian) { add($0) }
  }

  /// 32 hexadecimal digits.
  var text: String {
    [low, high].map { value in
      let digits = String(value, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
