/// Elements −1, 0 and 1 (BitNet), times one scale a block.
extension GGUFBlocks {
  /// 52 bytes, `d`. A byte is a fraction of 256 whose digits in base 3 are the elements, the first one foremost: 32
  /// and 16 bytes of five elements each, 4 bytes of four; digit `n` of a group's bytes comes before digit `n + 1`.
  static func unpackTQ1_0(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 52)
    var target = values
    for (start, width, digits) in [(0, 32, 5), (32, 16, 5), (48, 4, 4)] {
      var power: Int32 = 1
      for _ in 0..<digits {
        for index in 0..<width {
          let fraction = byte(block, start + index) * power & 255
          target[index] = d * Float((fraction * 3) >> 8 - 1)
        }
        power *= 3
        target += width
      }
    }
  }

  /// 64 bytes of bit pairs, `d`: d · (q − 1); 32 bytes hold 128 elements, the first 32 in the lowest bits.
  static func unpackTQ2_0(_ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>) {
    let d = half(block, 64)
    for part in 0..<8 {
      let shift = Int32(part % 4 * 2)
      for index in 0..<32 {
        values[part * 32 + index] = d * Float((byte(block, part / 4 * 32 + index) >> shift & 3) - 1)
      }
    }
  }
}
