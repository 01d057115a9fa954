import Tensors

/// Dequantization of ggml's block formats (ggml-quants.c names them; one scale `d` and perhaps a minimum `m` a block).
enum GGUFBlocks {
  /// Fills `target`, whose count is a multiple of the block length, from the blocks in `source`.
  static func dequantize(
    _ source: UnsafeRawBufferPointer, type: GGUFTensorType, into target: UnsafeMutableBufferPointer<Float>
  ) {
    guard var block = source.baseAddress, var values = target.baseAddress else { return }
    let unpack: (UnsafeRawPointer, UnsafeMutablePointer<Float>) -> Void
    switch type {
    case .f32: return FloatConversion.widen(source, dtype: .float32, into: target)
    case .f16: return FloatConversion.widen(source, dtype: .float16, into: target)
    case .bf16: return FloatConversion.widen(source, dtype: .bfloat16, into: target)
    case .f64: return FloatConversion.widen(source, dtype: .float64, into: target)
    case .q4_0: unpack = unpackQ4_0
    case .q4_1: unpack = unpackQ4_1
    case .q5_0: unpack = unpackQ5_0
    case .q5_1: unpack = unpackQ5_1
    case .q8_0: unpack = unpackQ8_0
    case .q4_K: unpack = unpackQ4_K
    case .q5_K: unpack = unpackQ5_K
    case .q6_K: unpack = unpackQ6_K
    }
    for _ in 0..<(target.count / type.blockLength) {
      unpack(block, values)
      block += type.blockBytes
      values += type.blockLength
    }
  }

  /// The half-precision number at a byte offset.
  @inline(__always)
  static func half(_ block: UnsafeRawPointer, _ offset: Int) -> Float {
    let bits = UInt32(UInt16(littleEndian: block.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
    let sign = (bits & 0x8000) << 16
    // Scaling by 2^112 moves the exponent from bias 15 to 127 and makes subnormals normal, exactly.
    var magnitude = (Float(bitPattern: (bits & 0x7FFF) << 13) * 0x1p112).bitPattern
    if bits & 0x7C00 == 0x7C00 { magnitude |= 0x7F80_0000 }
    return Float(bitPattern: sign | magnitude)
  }

  /// The unsigned byte at an offset.
  @inline(__always)
  static func byte(_ block: UnsafeRawPointer, _ offset: Int) -> Int32 {
    Int32(block.load(fromByteOffset: offset, as: UInt8.self))
  }

  /// The signed byte at an offset.
  @inline(__always)
  static func signedByte(_ block: UnsafeRawPointer, _ offset: Int) -> Int32 {
    Int32(block.load(fromByteOffset: offset, as: Int8.self))
  }
}
