/// Super-blocks of 256 elements, whose sub-blocks have scales of few bits.
extension GGUFBlocks {
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
