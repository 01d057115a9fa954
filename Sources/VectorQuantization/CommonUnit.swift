package import Tensors

/// The unit of which all elements of a layer's centroids are whole multiples, where there is one.
///
/// Integer kernels then say exactly what is stored, but for activations; without such a unit they round (`PlaneBytes`). The quantizer makes
/// such codebooks where it is asked to.
package enum CommonUnit {
  /// The most entries of a codebook that kernels have as bytes of one unit for both stages.
  package static let largestCodebook = 256

  /// The largest whole number that every kernel has as a byte, of two stages together too.
  static let steps: Float = 127

  /// The largest share of codes whose sum is beyond that with which a unit is of use.
  static let largestShare = 0.03

  /// The unit of a main and a residual codebook, or nil where there is none with which nearly all sums are bytes.
  ///
  /// - Parameter usage: how often each code `main | residual << mainBits` occurs.
  package static func find(
    main: [Float], residual: [Float]?, vectorLength: Int, mainBits: Int, usage: [Int]
  ) -> Float? {
    let rest = residual ?? [Float](repeating: 0, count: vectorLength)
    let peaks = PlaneBytes.peaks(main, rest, vectorLength, mainBits: mainBits, usage: usage)
    return find(main + (residual ?? []), peaks: peaks, usage: usage)
  }

  /// - Parameter peaks: the largest element of the sum that each code names.
  static func find(_ values: [Float], peaks: [Float], usage: [Int]) -> Float? {
    // Of numbers in no unit of use a tiny one is found, beside which all are large.
    guard let unit = unit(of: values) else { return nil }
    let beyond = zip(peaks, usage).reduce(0) { $0 + ($1.0 > unit * (steps + 0.5) ? $1.1 : 0) }
    return Double(beyond) <= largestShare * Double(usage.reduce(0, +)) ? unit : nil
  }

  private static func unit(of values: [Float]) -> Float? {
    let magnitudes = values.lazy.map { abs($0) }.filter { $0 > 0 && $0.isFinite }.sorted()
    guard let largest = magnitudes.last else { return nil }
    // Neighbours differ by a few units; large ones, which are stored less exactly, by less than one does not count.
    var (least, previous) = (largest, Float(0))
    for value in magnitudes {
      if value - previous > value * 0x1p-8 { least = min(least, value - previous) }
      previous = value
    }
    for parts in 1...8 {
      let unit = least / Float(parts)
      guard unit > 1e-35 else { return nil }
      if magnitudes.allSatisfy({ isWhole($0 / unit) }) { return unit }
    }
    return nil
  }

  /// Up to `steps`, stored values are exact; beyond, they are rounded as float16 or bfloat16 round.
  private static func isWhole(_ units: Float) -> Bool {
    abs(units - units.rounded()) <= (units <= steps + 0.5 ? 0.01 : units * 0x1p-8)
  }

  /// Units for centroids that are to be rounded, coarsest first: for each of the rising `shares` one with which at most that share of the codes name a sum beyond
  /// `steps`, with so few binary digits that the stored type holds all smaller ones exactly. None where all is 0.
  ///
  /// - Parameter usage: how often each code `main | residual << mainBits` occurs.
  package static func choices(
    main: [Float], residual: [Float]?, vectorLength: Int, mainBits: Int, usage: [Int], shares: [Double],
    storageType: DType
  ) -> [Float] {
    let rest = residual ?? [Float](repeating: 0, count: vectorLength)
    let peaks = PlaneBytes.peaks(main, rest, vectorLength, mainBits: mainBits, usage: usage)
    let digits = storageType == .float16 ? 4 : 1
    var units: [Float] = []
    for share in shares {
      let least = CentroidBytes.unit(CentroidBytes.limit(peaks, usage: usage, share: share), steps: steps)
      guard least > 0 else { continue }
      let scale = Float(sign: .plus, exponent: least.exponent - (digits - 1), significand: 1)
      let unit = scale * (least / scale).rounded(.up)
      if unit != units.last { units.append(unit) }
    }
    return units
  }
}
