import Synchronization
import Tensors

extension GGUFBlocks {
  /// What becomes of dequantized values: v · scale + offset, rounded to `dtype`.
  struct Rounding {
    let dtype: DType
    var scale: Float = 1
    var offset: Float = 0
  }

  /// Elements that one thread unpacks at a time: whole blocks of every type.
  static let chunkLength = 1 << 16

  /// The smallest magnitude that F16 rounds to infinity.
  static let float16Limit: Float = 65520

  /// Fills `target` with the rounded values of the blocks in `source`, a chunk at a time on each thread.
  ///
  /// - Returns: false if a finite value lies beyond the range of F16, and `dtype` is that.
  static func round(
    _ source: UnsafeRawBufferPointer, type: GGUFTensorType, _ rounding: Rounding,
    into target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    let width = rounding.dtype.byteCount
    let count = target.count / width
    let fits = Atomic(true)
    // Chunks do not overlap, so each thread writes memory of its own.
    nonisolated(unsafe) let (source, target) = (source, target)
    parallelFor((count + chunkLength - 1) / chunkLength) { chunk in
      let start = chunk * chunkLength
      let length = min(chunkLength, count - start)
      let blocks = UnsafeRawBufferPointer(rebasing: source[(start / type.blockLength * type.blockBytes)...])
      let stored = UnsafeMutableRawBufferPointer(rebasing: target[start * width..<(start + length) * width])
      withUnsafeTemporaryAllocation(of: Float.self, capacity: length) { values in
        dequantize(blocks, type: type, into: values)
        if rounding.scale != 1 || rounding.offset != 0 {
          for index in 0..<length { values[index] = values[index] * rounding.scale + rounding.offset }
        }
        if rounding.dtype == .float16, !fitsFloat16(values) { fits.store(false, ordering: .relaxed) }
        FloatConversion.narrow(UnsafeBufferPointer(values), to: rounding.dtype, into: stored)
      }
    }
    return fits.load(ordering: .relaxed)
  }

  /// Whether no finite value overflows F16.
  private static func fitsFloat16(_ values: UnsafeMutableBufferPointer<Float>) -> Bool {
    var overflows = false
    for value in values {
      let magnitude = value.magnitude
      overflows = overflows || (magnitude >= float16Limit && magnitude < .infinity)
    }
    return !overflows
  }
}
