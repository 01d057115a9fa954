/// Super-blocks of 256 elements, whose sub-blocks have scales of few bits.
extension GGUFBlocks {
  /// 16 bytes of scale (low) and minimum (high) nibbles, 64 bytes of bit pairs, `d`, `dmin`: d · s · q − dmin · m for
  /// each 16.
  static func unpackQ2_K(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 80)
    let dmin = half(block, 82)
    for group in 0..<16 {
      let packed = byte(block, group)
      let factor = d * Float(packed & 15)
      let offset = dmin * Float(packed >> 4)
      let pairs = block + 16 + pairStart(group)
      for index in 0..<16 {
        values[group * 16 + index] = factor * Float(byte(pairs, index) >> pairShift(group) & 3) - offset
      }
    }
  }

  /// 32 bytes of third bits, 64 bytes of bit pairs, 16 six-bit scales in 12 bytes, `d`: d · (s − 32) · q for each 16,
  /// where q is the pair, less 4 if its third bit is clear.
  static func unpackQ3_K(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 108)
    for group in 0..<16 {
      let low = byte(block, 96 + group % 8) >> Int32(group / 8 * 4) & 15
      let high = byte(block, 104 + group % 4) >> Int32(group / 4 * 2) & 3
      let factor = d * Float((low | high << 4) - 32)
      let pairs = block + 32 + pairStart(group)
      let thirdBits = block + group % 2 * 16
      for index in 0..<16 {
        let isSet = byte(thirdBits, index) >> Int32(group / 2) & 1
        values[group * 16 + index] = factor * Float((byte(pairs, index) >> pairShift(group) & 3) - 4 * (1 - isSet))
      }
    }
  }

  /// `d` in 32 bits, 256 signed bytes, 16 sums: d · q.
  static func unpackQ8_K(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = Float(bitPattern: word(block, 0))
    for index in 0..<256 { values[index] = d * Float(signedByte(block, 4 + index)) }
  }

  /// Where the bytes of a sub-block of 16 bit pairs start: 32 bytes hold 128 elements, the first 32 in the lowest bits.
  @inline(__always)
  private static func pairStart(_ group: Int) -> Int { group / 8 * 32 + group % 2 * 16 }

  @inline(__always)
  private static func pairShift(_ group: Int) -> Int32 { Int32(group % 8 / 2 * 2) }

  /// `d`, `dmin`, 8 six-bit scales and minima in 12 bytes, 128 bytes of nibbles: d · s · q − dmin · m for each 32.
  static func unpackQ4_K(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    let dmin = half(block, 2)
    for group in 0..<8 {
      let (scale, minimum) = scaleAndMinimum(block + 4, group)
      let factor = d * Float(scale)
      let offset = dmin * Float(minimum)
      let nibbles = block + 16 + group / 2 * 32
      let shift = Int32(group % 2 * 4)
      for index in 0..<32 {
        values[group * 32 + index] = factor * Float(byte(nibbles, index) >> shift & 15) - offset
      }
    }
  }

  /// As Q4_K, with 32 bytes of fifth bits (bit `g` of byte `i` belongs to element `i` of sub-block `g`) before the
  /// nibbles.
  static func unpackQ5_K(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    let dmin = half(block, 2)
    for group in 0..<8 {
      let (scale, minimum) = scaleAndMinimum(block + 4, group)
      let factor = d * Float(scale)
      let offset = dmin * Float(minimum)
      let nibbles = block + 48 + group / 2 * 32
      let shift = Int32(group % 2 * 4)
      for index in 0..<32 {
        let high = (byte(block, 16 + index) >> Int32(group) & 1) << 4
        values[group * 32 + index] = factor * Float(byte(nibbles, index) >> shift & 15 | high) - offset
      }
    }
  }

  /// 128 bytes of nibbles, 64 bytes of bit pairs, 16 signed scales, `d`: d · s · (q − 32) for each 16.
  static func unpackQ6_K(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 208)
    for part in 0..<8 {
      // Part p covers elements 32p…: nibbles 0…31 or 32…63 of its half, low for the first two parts of a half.
      let nibbles = block + part / 4 * 64 + part % 2 * 32
      let nibbleShift = Int32(part % 4 / 2 * 4)
      let pairs = block + 128 + part / 4 * 32
      let pairShift = Int32(part % 4 * 2)
      for index in 0..<32 {
        let low = byte(nibbles, index) >> nibbleShift & 15
        let high = (byte(pairs, index) >> pairShift & 3) << 4
        let factor = d * Float(signedByte(block, 192 + part * 2 + index / 16))
        values[part * 32 + index] = factor * Float((low | high) - 32)
      }
    }
  }

  /// Six-bit scale and minimum of a sub-block: four of each whole in the first eight bytes, whose top bit pairs
  /// complete the nibbles of the last four bytes.
  @inline(__always)
  private static func scaleAndMinimum(_ packed: UnsafeRawPointer, _ group: Int) -> (scale: Int32, minimum: Int32) {
    if group < 4 { return (byte(packed, group) & 63, byte(packed, group + 4) & 63) }
    let nibbles = byte(packed, group + 4)
    return (
      nibbles & 15 | (byte(packed, group - 4) >> 6) << 4,
      nibbles >> 4 | (byte(packed, group) >> 6) << 4
    )
  }
}
