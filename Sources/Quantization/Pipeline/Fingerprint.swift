import Tensors

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

  /// Type, shape and content of a tensor; of a large one only words at even distances count, so that it costs next to
  /// nothing.
  mutating func add(_ tensor: Tensor) {
    add(tensor.dtype.rawValue)
    for extent in tensor.shape.dimensions { add(extent) }
    tensor.withUnsafeBytes { bytes in
      let word = 8
      let stride = max(1, bytes.count / Self.sampleLimit) * word
      for start in Swift.stride(from: 0, to: bytes.count, by: stride) {
        add(bytes[start..<min(start + word, bytes.count)])
      }
    }
  }

  /// Bytes taken from a tensor at most.
  private static let sampleLimit = 1 << 16

  mutating func add(_ windows: CalibrationWindows) {
    for window in windows.windows {
      for token in window { add(token) }
    }
  }

  /// 32 hexadecimal digits.
  var text: String {
    [low, high].map { value in
      let digits = String(value, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
