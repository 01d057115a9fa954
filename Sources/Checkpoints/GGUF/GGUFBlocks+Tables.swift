/// Nibbles that index sixteen fixed values.
extension GGUFBlocks {
  /// The values of IQ4_NL and IQ4_XS (ggml's `kvalues_iq4nl`).
  private static let nonlinear: [Float] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
  ]

  /// Twice the values of E2M1 (OCP Microscaling Formats 1.0, section 5.3.3).
  private static let doubledE2M1: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

  /// `d`, nibbles as in Q4_0: d · v(q).
  static func unpackIQ4_NL(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    lookUp(block + 2, pairs: 16, half(block, 0), nonlinear, values)
  }

  /// `d`, upper scale bits in 2 bytes, scale nibbles in 4, then 8 sub-blocks of 32 as in IQ4_NL: d · (s − 32) · v(q).
  static func unpackIQ4_XS(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    let upper = short(block, 2)
    for group in 0..<8 {
      let low = byte(block, 4 + group / 2) >> Int32(group % 2 * 4) & 15
      let scale = low | Int32(upper >> UInt32(2 * group) & 3) << 4
      lookUp(block + 8 + group * 16, pairs: 16, d * Float(scale - 32), nonlinear, values + group * 32)
    }
  }

  /// A power of two in one byte (E8M0), nibbles as in Q4_0.
  static func unpackMXFP4(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let exponent = UInt32(byte(block, 0))
    // Half of 2^(exponent − 127): the table is doubled.
    let bits = exponent < 2 ? 0x0020_0000 << exponent : (exponent - 1) << 23
    lookUp(block + 1, pairs: 16, Float(bitPattern: bits), doubledE2M1, values)
  }

  /// Four scales of one byte (E4M3 without sign), then four sub-blocks of 16 whose nibbles lie as in Q4_0.
  static func unpackNVFP4(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    for group in 0..<4 {
      let scale = halvedE4M3(byte(block, group))
      lookUp(block + 4 + group * 8, pairs: 8, scale, doubledE2M1, values + group * 16)
    }
  }

  /// Half the value of an unsigned E4M3 number, for a table that is doubled. Its only NaN reads as 0, as in ggml; the
  /// top bit is not looked at.
  private static func halvedE4M3(_ bits: Int32) -> Float {
    if bits == 0x7F { return 0 }
    let exponent = bits >> 3 & 15
    let mantissa = Float(bits & 7)
    if exponent == 0 { return mantissa * 0x1p-10 }
    return (1 + mantissa / 8) * Float(bitPattern: UInt32(exponent + 127 - 8) << 23)
  }

  /// Low nibbles give the first `pairs` values, high nibbles the next.
  @inline(__always)
  private static func lookUp(
    _ nibbles: UnsafeRawPointer, pairs: Int, _ factor: Float, _ table: [Float],
    _ values: UnsafeMutablePointer<Float>
  ) {
    table.withUnsafeBufferPointer { table in
      for index in 0..<pairs {
        let pair = byte(nibbles, index)
        values[index] = factor * table[Int(pair & 15)]
        values[index + pairs] = factor * table[Int(pair >> 4)]
      }
    }
  }
}
