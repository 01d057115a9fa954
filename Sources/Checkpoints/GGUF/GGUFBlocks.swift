import Tensors

/// Dequantization of ggml's block formats (ggml-quants.c names them; one scale `d` and perhaps a minimum `m` a block).
enum GGUFBlocks {
  typealias Unpack = (UnsafeRawPointer, UnsafeMutablePointer<Float>) -> Void

  /// Fills `target`, whose count is a multiple of the block length, from the blocks in `source`.
  static func dequantize(
    _ source: UnsafeRawBufferPointer, type: GGUFTensorType, into target: UnsafeMutableBufferPointer<Float>
  ) {
    guard var block = source.baseAddress, var values = target.baseAddress else { return }
    if let dtype = floatingType(type) { return FloatConversion.widen(source, dtype: dtype, into: target) }
    let unpack = unpacking(type)
    for _ in 0..<(target.count / type.blockLength) {
      unpack(block, values)
      block += type.blockBytes
      values += type.blockLength
    }
  }

  /// The plain type that is the same, for the floating types.
  private static func floatingType(_ type: GGUFTensorType) -> DType? {
    switch type {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    case .f64: .float64
    default: nil
    }
  }

  private static func unpacking(_ type: GGUFTensorType) -> Unpack {
    switch type {
    // These have a conversion of whole rows.
    case .f32, .f16, .bf16, .f64: { _, _ in }
    case .i8: { unpackInteger(Int8.self, $0, $1) }
    case .i16: { unpackInteger(Int16.self, $0, $1) }
    case .i32: { unpackInteger(Int32.self, $0, $1) }
    case .i64: { unpackInteger(Int64.self, $0, $1) }
    case .q4_0: unpackQ4_0
    case .q4_1: unpackQ4_1
    case .q5_0: unpackQ5_0
    case .q5_1: unpackQ5_1
    case .q8_0: unpackQ8_0
    case .q8_1: unpackQ8_1
    case .q2_K: unpackQ2_K
    case .q3_K: unpackQ3_K
    case .q4_K: unpackQ4_K
    case .q5_K: unpackQ5_K
    case .q6_K: unpackQ6_K
    case .q8_K: unpackQ8_K
    case .iq2_xxs: unpackIQ2_XXS
    case .iq2_xs: unpackIQ2_XS
    case .iq2_s: unpackIQ2_S
    case .iq3_xxs: unpackIQ3_XXS
    case .iq3_s: unpackIQ3_S
    case .iq1_s: unpackIQ1_S
    case .iq1_m: unpackIQ1_M
    case .iq4_nl: unpackIQ4_NL
    case .iq4_xs: unpackIQ4_XS
    case .tq1_0: unpackTQ1_0
    case .tq2_0: unpackTQ2_0
    case .mxfp4: unpackMXFP4
    case .nvfp4: unpackNVFP4
    case .q1_0: unpackQ1_0
    case .q2_0: unpackQ2_0
    }
  }

  private static func unpackInteger<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type, _ block: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>
  ) {
    values[0] = Float(Value(littleEndian: block.loadUnaligned(as: type)))
  }

  /// The half-precision number at a byte offset.
  @inline(__always)
  static func half(_ block: UnsafeRawPointer, _ offset: Int) -> Float { half(bits: short(block, offset)) }

  /// The half-precision number with these bits.
  @inline(__always)
  static func half(bits: UInt32) -> Float {
    let sign = (bits & 0x8000) << 16
    // Scaling by 2^112 moves the exponent from bias 15 to 127 and makes subnormals normal, exactly.
    var magnitude = (Float(bitPattern: (bits & 0x7FFF) << 13) * 0x1p112).bitPattern
    if bits & 0x7C00 == 0x7C00 { magnitude |= 0x7F80_0000 }
    return Float(bitPattern: sign | magnitude)
  }

  /// The unsigned 16-bit number at a byte offset.
  @inline(__always)
  static func short(_ block: UnsafeRawPointer, _ offset: Int) -> UInt32 {
    UInt32(UInt16(littleEndian: block.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
  }

  /// The unsigned 32-bit number at a byte offset.
  @inline(__always)
  static func word(_ block: UnsafeRawPointer, _ offset: Int) -> UInt32 {
    UInt32(littleEndian: block.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
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
