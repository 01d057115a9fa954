package import CKernels

/// Conversions between stored floating types and Float; 16-bit types are rounded to nearest even.
public enum FloatConversion {
  /// Whether `widen` reads this type.
  public static func canWiden(_ dtype: DType) -> Bool {
    switch dtype {
    case .float32, .float16, .bfloat16, .float64: true
    default: false
    }
  }

  /// Widens `target.count` elements of `source` (stored as `dtype`) into `target`.
  public static func widen(
    _ source: UnsafeRawBufferPointer, dtype: DType, into target: UnsafeMutableBufferPointer<Float>
  ) {
    guard let from = source.baseAddress, let to = target.baseAddress else { return }
    let count = target.count
    let kernels = ck_active().pointee
    switch dtype {
    case .float32:
      UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: count * 4)
    case .float16:
      kernels.f16_to_f32(from.assumingMemoryBound(to: UInt16.self), to, count)
    case .bfloat16:
      kernels.bf16_to_f32(from.assumingMemoryBound(to: UInt16.self), to, count)
    case .float64:
      for index in 0..<count {
        to[index] = Float(from.loadUnaligned(fromByteOffset: index * 8, as: Double.self))
      }
    default:
      preconditionFailure("not a floating type: \(dtype)")
    }
  }

  /// Rounds `source` to `dtype` (`float32`, `float16`, `bfloat16`) into `target`.
  public static func narrow(
    _ source: UnsafeBufferPointer<Float>, to dtype: DType, into target: UnsafeMutableRawBufferPointer
  ) {
    guard let from = source.baseAddress, let to = target.baseAddress else { return }
    let kernels = ck_active().pointee
    switch dtype {
    case .float32:
      to.copyMemory(from: from, byteCount: source.count * 4)
    case .float16:
      kernels.f32_to_f16(from, to.assumingMemoryBound(to: UInt16.self), source.count)
    case .bfloat16:
      kernels.f32_to_bf16(from, to.assumingMemoryBound(to: UInt16.self), source.count)
    default:
      preconditionFailure("cannot round to \(dtype)")
    }
  }

  /// Rounds values in place to what they read back as after being stored as `dtype`.
  package static func round(_ values: UnsafeMutableBufferPointer<Float>, to dtype: DType) {
    guard dtype != .float32 else { return }
    withUnsafeTemporaryAllocation(byteCount: values.count * 2, alignment: 64) { stored in
      narrow(UnsafeBufferPointer(values), to: dtype, into: stored)
      widen(UnsafeRawBufferPointer(stored), dtype: dtype, into: values)
    }
  }

  /// `values` as they read back after being stored as `dtype`.
  public static func rounded(_ values: [Float], to dtype: DType) -> [Float] {
    var result = values
    result.withUnsafeMutableBufferPointer { round($0, to: dtype) }
    return result
  }
}

extension DType {
  /// The kernels' name for this type, for the three types that dense weights are stored in.
  package var kernelStorage: ck_storage? {
    switch self {
    case .float32: CK_F32
    case .float16: CK_F16
    case .bfloat16: CK_BF16
    default: nil
    }
  }
}
