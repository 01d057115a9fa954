import CKernels
import Tensors

/// Centroids as bytes of one unit, which a few of them do not fit.
///
/// A unit for the largest element of all would be coarse: in a codebook of real weights that is 10 or 20 times the root mean
/// square, but in a centroid that few codes name. Such centroids are clamped; where they are used, the rest is added apart.
struct CentroidBytes {
  /// The largest share of codes that may name a clamped centroid.
  static let clampedShare = 0.015

  /// What one unit stands for.
  let unit: Float
  /// Biased by 128: `[count, 8]`, or `[count, 16]` for vectors of more than 8, as `ck_vq_bytes` has them.
  let bytes: Tensor
  /// What clamping took away, `[count, vectorLength]`, and from which centroids it took anything.
  let rest: [Float]
  let isClamped: [Bool]

  /// - Parameter usage: how many codes name each centroid.
  init(_ values: [Float], vectorLength: Int, usage: [Int]) {
    let count = values.count / vectorLength
    let peaks = (0..<count).map { Self.peak(values[($0 * vectorLength)..<(($0 + 1) * vectorLength)]) }
    let limit = Self.limit(peaks, usage: usage)
    let unit = Self.unit(limit, steps: 127)
    self.unit = unit
    isClamped = peaks.map { $0 > limit }
    rest = values.map { $0 - max(-limit, min(limit, $0)) }
    let inverse = unit > 0 ? 1 / unit : 0
    let width = vectorLength > 8 ? 16 : 8
    bytes = Tensor(dtype: .uint8, shape: [count, width]) { bytes in
      bytes.initializeMemory(as: UInt8.self, repeating: 128)
      for (index, value) in values.enumerated() {
        let (centroid, element) = (index / vectorLength, index % vectorLength)
        let integer = (max(-limit, min(limit, value)) * inverse).rounded(.toNearestOrEven)
        bytes[centroid * width + element] = UInt8(Int(max(-127, min(127, integer))) + 128)
      }
    }
  }

  /// One of so many steps up to `limit`; 0 where its reciprocal would be no number.
  static func unit(_ limit: Float, steps: Float) -> Float { limit / steps > 1e-35 ? limit / steps : 0 }

  static func peak(_ values: some Sequence<Float>) -> Float { values.reduce(0) { max($0, abs($1)) } }

  /// The least value, to one part in 256 of the largest, such that at most `share` of all uses lie beyond it.
  static func limit(_ peaks: [Float], usage: [Int], share: Double = clampedShare) -> Float {
    let largest = peaks.max() ?? 0
    let bins = 256
    var uses = [Int](repeating: 0, count: bins + 1)
    guard largest > 0 else { return 0 }
    for (peak, count) in zip(peaks, usage) where count > 0 {
      uses[Int((peak / largest * Float(bins)).rounded(.up))] += count
    }
    var allowed = Int(Double(usage.reduce(0, +)) * share)
    var bin = bins
    while bin > 1, uses[bin] <= allowed {
      allowed -= uses[bin]
      bin -= 1
    }
    return bin == bins ? largest : largest * (Float(bin) / Float(bins))
  }
}
