import CKernels
import Tensors

/// Centroids as bytes of one unit, which a few of them do not fit.
///
/// A unit for the largest element of all would be coarse: in a codebook of real weights that is 10 or 20 times the root mean
/// square, but in a centroid that few codes name. Such centroids are clamped; where they are used, the rest is added apart.
struct CentroidBytes {
  /// The largest share of codes that may name a clamped centroid.
  static let clampedShare = 0.01

  /// What one unit stands for.
  let unit: Float
  /// Biased by 128, in the order of a `Layout`.
  let bytes: Tensor
  /// What clamping took away, `[count, vectorLength]`, and from which centroids it took anything.
  let rest: [Float]
  let isClamped: [Bool]

  /// The order of the bytes.
  enum Layout {
    /// `[vectorLength, 256]`, as `ck_vq_planes` has them.
    case elements
    /// `[count, 8]`, or `[count, 16]` for vectors of more than 8, as `ck_vq_bytes` has them.
    case centroids
  }

  /// - Parameter usage: how many codes name each centroid.
  init(_ values: [Float], vectorLength: Int, usage: [Int], layout: Layout = .elements) {
    let count = values.count / vectorLength
    let peaks = (0..<count).map { Self.peak(values[($0 * vectorLength)..<(($0 + 1) * vectorLength)]) }
    let limit = Self.limit(peaks, usage: usage)
    let unit = Self.unit(limit)
    self.unit = unit
    isClamped = peaks.map { $0 > limit }
    rest = values.map { $0 - max(-limit, min(limit, $0)) }
    let inverse = unit > 0 ? 1 / unit : 0
    let width = vectorLength > 8 ? 16 : 8
    let shape: Shape = layout == .elements ? [vectorLength, 256] : [count, width]
    bytes = Tensor(dtype: .uint8, shape: shape) { bytes in
      bytes.initializeMemory(as: UInt8.self, repeating: 128)
      for (index, value) in values.enumerated() {
        let (centroid, element) = (index / vectorLength, index % vectorLength)
        let integer = (max(-limit, min(limit, value)) * inverse).rounded(.toNearestOrEven)
        bytes[layout == .elements ? element * 256 + centroid : centroid * width + element] =
          UInt8(Int(max(-127, min(127, integer))) + 128)
      }
    }
  }

  /// What a byte of 127 for `limit` makes one unit; 0 where its reciprocal would be no number.
  static func unit(_ limit: Float) -> Float { limit / 127 > 1e-35 ? limit / 127 : 0 }

  static func peak(_ values: some Sequence<Float>) -> Float { values.reduce(0) { max($0, abs($1)) } }

  /// The least value, to one part in 256 of the largest, such that at most `clampedShare` of all uses lie beyond it.
  static func limit(_ peaks: [Float], usage: [Int]) -> Float {
    let largest = peaks.max() ?? 0
    let bins = 256
    var uses = [Int](repeating: 0, count: bins + 1)
    guard largest > 0 else { return 0 }
    for (peak, count) in zip(peaks, usage) where count > 0 {
      uses[Int((peak / largest * Float(bins)).rounded(.up))] += count
    }
    var allowed = Int(Double(usage.reduce(0, +)) * clampedShare)
    var bin = bins
    while bin > 1, uses[bin] <= allowed {
      allowed -= uses[bin]
      bin -= 1
    }
    return bin == bins ? largest : largest * (Float(bin) / Float(bins))
  }
}

/// Sums of a main and a residual centroid as bytes of one unit, for products in which both stages share the work.
struct JointBytes {
  /// What one unit stands for.
  let unit: Float
  /// `[4, vectorLength, 256]` as `ck_vq_planes` has it.
  let bytes: Tensor
  /// The entry of each pair `main | residual << mainBits` that does not fit the unit, and what its bytes leave over,
  /// `[entries, vectorLength]`.
  let entries: [UInt16?]
  let rest: [Float]

  /// - Parameter usage: how many codes name each pair.
  init(main: [Float], residual: [Float], vectorLength: Int, mainBits: Int, usage: [Int]) {
    let v = vectorLength
    let peaks = Self.peaks(main, residual, vectorLength: v, mainBits: mainBits, usage: usage)
    let limit = CentroidBytes.limit(peaks, usage: usage)
    let unit = CentroidBytes.unit(limit)
    self.unit = unit
    let inverse = unit > 0 ? 256 / unit : 0
    func integers(_ values: [Float]) -> [Int32] {
      values.map { Int32(max(-32767, min(32767, ($0 * inverse).rounded(.toNearestOrEven)))) }
    }
    let (wideMain, wideRest) = (integers(main), integers(residual))
    bytes = Tensor(dtype: .uint8, shape: [4, v, 256]) { bytes in
      for (part, values) in [wideMain, wideRest].enumerated() {
        for (index, value) in values.enumerated() {
          let at = index % v * 256 + index / v
          bytes[2 * part * v * 256 + at] = UInt8((value >> 8) + 128)
          bytes[(2 * part + 1) * v * 256 + at] = UInt8(value & 255)
        }
      }
    }
    // A centroid beyond 16 bits takes all its pairs along.
    func wide(_ values: [Float]) -> [Bool] {
      (0..<(values.count / v)).map { CentroidBytes.peak(values[($0 * v)..<(($0 + 1) * v)]) * inverse > 32767 }
    }
    let (mainIsWide, restIsWide) = (wide(main), wide(residual))
    var entries = [UInt16?](repeating: nil, count: usage.count)
    var rest: [Float] = []
    for pair in usage.indices where usage[pair] > 0 {
      let (k, r) = (pair & (1 << mainBits - 1), pair >> mainBits)
      guard peaks[pair] > limit || mainIsWide[k] || restIsWide[r] else { continue }
      let (a, b) = (k * v, r * v)
      entries[pair] = UInt16(rest.count / v)
      for e in 0..<v {
        let sum = max(-32768, min(32767, wideMain[a + e] + wideRest[b + e]))
        let byte = min(32767, sum + 128) >> 8
        rest.append(main[a + e] + residual[b + e] - unit * Float(byte))
      }
    }
    self.entries = entries
    self.rest = rest
  }

  /// The largest element of each pair that is used.
  private static func peaks(
    _ main: [Float], _ residual: [Float], vectorLength: Int, mainBits: Int, usage: [Int]
  ) -> [Float] {
    let (count, mainCount) = (1 << mainBits, main.count / vectorLength)
    // Element by element, so that all main centroids are met at once.
    var elements = [Float](repeating: 0, count: vectorLength * count)
    for k in 0..<mainCount { for e in 0..<vectorLength { elements[e * count + k] = main[k * vectorLength + e] } }
    var peaks = [Float](repeating: 0, count: usage.count)
    peaks.withUnsafeMutableBufferPointer { peaks in
      elements.withUnsafeBufferPointer { elements in
        for r in 0..<(residual.count / vectorLength) {
          let own = UnsafeMutableBufferPointer(rebasing: peaks[(r * count)..<((r + 1) * count)])
          for e in 0..<vectorLength {
            let (line, other) = (
              UnsafeBufferPointer(rebasing: elements[(e * count)...]), residual[r * vectorLength + e]
            )
            for k in 0..<count { own[k] = max(own[k], abs(line[k] + other)) }
          }
        }
      }
      for pair in peaks.indices where usage[pair] == 0 { peaks[pair] = 0 }
    }
    return peaks
  }
}
