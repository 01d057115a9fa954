/// A 128-bit digest that tells whether kept work belongs to this model, text and set of options.
///
/// Two FNV-1a sums with different starting values; it guards against mistakes, not against forgery.
package struct Fingerprint {
  private var low: UInt64 = 0xCBF2_9CE4_8422_2325
  private var high: UInt64 = 0x6C62_272E_07BB_0142

  /// The digest of nothing.
  package init() {}

  /// Adds bytes.
  package mutating func add(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      low = (low ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
      high = (high ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 &+ 0x9E37
    }
  }

  /// Adds a text and its end.
  package mutating func add(_ text: String) {
    add(text.utf8)
    add([0])
  }

  /// Adds a number.
  package mutating func add(_ value: Int) {
    withUnsafeBytes(of: UInt64(bitPattern: Int64(value)).littleEndian) { add($0) }
  }

  /// Adds type, shape and content of a tensor; of a large one only so many bytes at even distances count, so that it costs next
  /// to nothing.
  package mutating func add(_ tensor: Tensor, sampleLimit: Int = 1 << 16) {
    add(tensor.dtype.rawValue)
    for extent in tensor.shape.dimensions { add(extent) }
    tensor.withScatteredReads { bytes in
      let word = 8
      let stride = max(1, bytes.count / sampleLimit) * word
      for start in Swift.stride(from: 0, to: bytes.count, by: stride) {
        add(bytes[start..<min(start + word, bytes.count)])
      }
    }
  }

  /// A digest of tensors, of all their bytes.
  package static func content(_ tensors: [(name: String, tensor: Tensor)]) -> String {
    var print = Fingerprint()
    for (name, tensor) in tensors {
      print.add("\(name) \(tensor.dtype.rawValue) \(tensor.shape)")
      tensor.withUnsafeBytes { print.addWords($0) }
    }
    return print.text
  }

  /// Eight bytes at a time.
  private mutating func addWords(_ bytes: UnsafeRawBufferPointer) {
    let whole = bytes.count / 8 * 8
    for offset in stride(from: 0, to: whole, by: 8) {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      low = (low ^ word) &* 0x0000_0100_0000_01B3
      high = (high ^ (word >> 32 | word << 32)) &* 0x0000_0100_0000_01B3 &+ 0x9E37
    }
    add(bytes[whole...])
  }

  /// 32 hexadecimal digits.
  package var text: String {
    [low, high].map { value in
      let digits = String(value, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
