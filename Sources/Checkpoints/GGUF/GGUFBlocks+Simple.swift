extension GGUFBlocks {
  /// `d`, 16 bytes of nibbles (elements 0…15 low, 16…31 high): d · (q − 8).
  static func unpackQ4_0(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for index in 0..<16 {
      let pair = byte(block, 2 + index)
      values[index] = d * Float((pair & 15) - 8)
      values[index + 16] = d * Float((pair >> 4) - 8)
    }
  }

  /// `d`, `m`, nibbles as in Q4_0: d · q + m.
  static func unpackQ4_1(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    let m = half(block, 2)
    for index in 0..<16 {
      let pair = byte(block, 4 + index)
      values[index] = d * Float(pair & 15) + m
      values[index + 16] = d * Float(pair >> 4) + m
    }
  }

  /// `d`, 32 fifth bits, nibbles as in Q4_0: d · (q − 16).
  static func unpackQ5_0(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    let high = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
    for index in 0..<16 {
      let pair = byte(block, 6 + index)
      values[index] = d * Float((pair & 15 | fifthBit(high, index)) - 16)
      values[index + 16] = d * Float((pair >> 4 | fifthBit(high, index + 16)) - 16)
    }
  }

  /// `d`, `m`, 32 fifth bits, nibbles as in Q4_0: d · q + m.
  static func unpackQ5_1(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    let m = half(block, 2)
    let high = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    for index in 0..<16 {
      let pair = byte(block, 8 + index)
      values[index] = d * Float(pair & 15 | fifthBit(high, index)) + m
      values[index + 16] = d * Float(pair >> 4 | fifthBit(high, index + 16)) + m
    }
  }

  /// `d`, 32 signed bytes: d · q.
  static func unpackQ8_0(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for index in 0..<32 { values[index] = d * Float(signedByte(block, 2 + index)) }
  }

  /// As Q8_0, with the sum of the elements after `d` (ggml's C layout: two 16-bit numbers; never seen in a file).
  static func unpackQ8_1(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for index in 0..<32 { values[index] = d * Float(signedByte(block, 4 + index)) }
  }

  /// `d`, 128 bits: d where the bit is set, −d elsewhere.
  static func unpackQ1_0(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for index in 0..<128 { values[index] = byte(block, 2 + index / 8) >> Int32(index % 8) & 1 == 1 ? d : -d }
  }

  /// `d`, 64 bit pairs: d · (q − 1).
  static func unpackQ2_0(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for index in 0..<64 {
      values[index] = d * Float((byte(block, 2 + index / 4) >> Int32(index % 4 * 2) & 3) - 1)
    }
  }

  @inline(__always)
  private static func fifthBit(_ bits: UInt32, _ index: Int) -> Int32 {
    Int32((bits >> UInt32(index) & 1) << 4)
  }
}
