/// Super-blocks whose groups of eight (or four) magnitudes are points of a fixed grid, with signs apart.
extension GGUFBlocks {
  /// `d`; for each 32: four grid bytes, then four times 7 sign bits and a 4-bit scale: d · (½ + s) · ¼ · grid.
  static func unpackIQ2_XXS(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for group in 0..<8 {
      let start = 2 + group * 8
      let signs = word(block, start + 4)
      let factor = d * (0.5 + Float(signs >> 28)) * 0.25
      for part in 0..<4 {
        let point = GGUFGrid.iq2_xxs.points + Int(byte(block, start + part)) * 8
        let sign = evenSigns(signs >> UInt32(7 * part) & 127)
        place(point, 8, factor, sign, values + group * 32 + part * 8)
      }
    }
  }

  /// `d`; for each 8 a 9-bit grid index with 7 sign bits; for each 16 a 4-bit scale: d · (½ + s) · ¼ · grid.
  static func unpackIQ2_XS(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for part in 0..<32 {
      let code = short(block, 2 + 2 * part)
      let factor = d * (0.5 + Float(nibble(block + 66, part / 2))) * 0.25
      place(GGUFGrid.iq2_xs.points + Int(code & 511) * 8, 8, factor, evenSigns(code >> 9), values + part * 8)
    }
  }

  /// `d`; for each 8 a grid byte, 8 sign bits, two more grid bits; for each 16 a 4-bit scale: as IQ2_XS.
  static func unpackIQ2_S(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for part in 0..<32 {
      let upper = byte(block, 66 + part / 4) >> Int32(part % 4 * 2) & 3
      let index = Int(byte(block, 2 + part) | upper << 8)
      let factor = d * (0.5 + Float(nibble(block + 74, part / 2))) * 0.25
      let signs = UInt32(byte(block, 34 + part))
      place(GGUFGrid.iq2_s.points + index * 8, 8, factor, signs, values + part * 8)
    }
  }

  /// `d`; for each 4 a grid byte; for each 32 four times 7 sign bits and a 4-bit scale: d · (½ + s) · ½ · grid.
  static func unpackIQ3_XXS(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for group in 0..<8 {
      let signs = word(block, 66 + group * 4)
      let factor = d * (0.5 + Float(signs >> 28)) * 0.5
      for part in 0..<8 {
        let point = GGUFGrid.iq3_xxs.points + Int(byte(block, 2 + group * 8 + part)) * 4
        let sign = evenSigns(signs >> UInt32(7 * (part / 2)) & 127) >> UInt32(part % 2 * 4)
        place(point, 4, factor, sign, values + group * 32 + part * 4)
      }
    }
  }

  /// `d`; for each 4 a grid byte and a ninth bit; for each 8 its sign bits; for each 32 a 4-bit scale:
  /// d · (1 + 2s) · grid.
  static func unpackIQ3_S(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for part in 0..<64 {
      let ninth = byte(block, 66 + part / 8) >> Int32(part % 8) & 1
      let index = Int(byte(block, 2 + part) | ninth << 8)
      let factor = d * Float(1 + 2 * nibble(block + 106, part / 8))
      let signs = UInt32(byte(block, 74 + part / 2)) >> UInt32(part % 2 * 4)
      place(GGUFGrid.iq3_s.points + index * 4, 4, factor, signs, values + part * 4)
    }
  }

  /// `d`; for each 8 a grid byte; for each 32 four times three more grid bits, a 3-bit scale and the sign of the
  /// shift: d · (2s + 1) · (grid ± ⅛).
  static func unpackIQ1_S(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for group in 0..<8 {
      let upper = short(block, 34 + group * 2)
      let factor = d * Float(2 * (upper >> 12 & 7) + 1)
      let shift: Float = upper & 0x8000 == 0 ? 0.125 : -0.125
      for part in 0..<4 {
        let index = Int(UInt32(byte(block, 2 + group * 4 + part)) | (upper >> UInt32(3 * part) & 7) << 8)
        place(GGUFGrid.iq1.points + index * 8, factor, shift, values + group * 32 + part * 8)
      }
    }
  }

  /// For each 8 a grid byte, three more grid bits and the sign of the shift; for each 16 a 3-bit scale. The bits of
  /// `d` are the top nibbles of the four 16-bit words of scales.
  static func unpackIQ1_M(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let scales = block + 48
    let bits = (0..<4).reduce(UInt32(0)) { $0 | (short(scales, 2 * $1) >> 12) << UInt32(4 * $1) }
    let d = half(bits: bits)
    for part in 0..<32 {
      let upper = byte(block, 32 + part / 2) >> Int32(part % 2 * 4)
      let scale = short(scales, part / 8 * 2) >> UInt32(part / 2 % 4 * 3) & 7
      let index = Int(byte(block, part) | (upper & 7) << 8)
      let shift: Float = upper & 8 == 0 ? 0.125 : -0.125
      place(GGUFGrid.iq1.points + index * 8, d * Float(2 * scale + 1), shift, values + part * 8)
    }
  }

  /// Seven sign bits with an eighth that makes their number even.
  @inline(__always)
  private static func evenSigns(_ bits: UInt32) -> UInt32 { bits | UInt32(bits.nonzeroBitCount & 1) << 7 }

  @inline(__always)
  private static func nibble(_ bytes: UnsafeRawPointer, _ index: Int) -> Int32 {
    byte(bytes, index / 2) >> Int32(index % 2 * 4) & 15
  }

  /// `count` coordinates times `factor`, negated where the sign bit is set.
  @inline(__always)
  private static func place(
    _ point: UnsafePointer<Int8>, _ count: Int, _ factor: Float, _ signs: UInt32, _ values: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<count {
      let magnitude = factor * Float(point[index])
      values[index] = Float(bitPattern: magnitude.bitPattern ^ (signs >> UInt32(index) & 1) << 31)
    }
  }

  /// Eight shifted coordinates times `factor`.
  @inline(__always)
  private static func place(
    _ point: UnsafePointer<Int8>, _ factor: Float, _ shift: Float, _ values: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<8 { values[index] = factor * (Float(point[index]) + shift) }
  }
}
