import Tensors

/// Small codebooks as bytes of one unit for both stages, whose sums modulo 256 are bytes too (see `ck_vq_planes`).
///
/// A unit for the largest sum of all would be coarse: that is 10 or 20 times the root mean square, but of centroids that few codes name.
/// Sums that do not fit come back at the other end (what does not fit one stage alone is clamped), and where codes name them the rest is added apart.
///
/// Each stage is off by at most half a unit. What rounding leaves is kept as bytes of 128ths of a unit, for the columns where it matters
/// most.
struct PlaneBytes {
  /// What one unit stands for.
  let unit: Float
  /// Whether the centroids are whole units, so that nothing is left of them.
  let isExact: Bool
  /// `[vectorLength, 256]`: biased by 128, and the residual stage's, two's complement.
  let main: Tensor
  let residual: Tensor?
  /// What rounding left of them, likewise.
  let fineMain: Tensor
  let fineResidual: Tensor?
  /// The entry of each code `main | residual << mainBits` that needs one, and what they add, `[entries, vectorLength]`.
  let entries: [UInt16?]
  let rest: [Float]

  /// - Parameter usage: how often each code occurs.
  init(main: [Float], residual: [Float]?, vectorLength: Int, mainBits: Int, usage: [Int]) {
    let v = vectorLength
    let peaks = Self.peaks(main, residual ?? [Float](repeating: 0, count: v), v, mainBits: mainBits, usage: usage)
    let common = CommonUnit.find(main + (residual ?? []), peaks: peaks, usage: usage)
    // The roundings of two stages may add up to a whole unit.
    let limit = common.map { $0 * CommonUnit.steps } ?? CentroidBytes.limit(peaks, usage: usage)
    let unit = common ?? CentroidBytes.unit(limit, steps: residual == nil ? 127 : 126)
    isExact = common != nil
    let first = RoundedStage(main, vectorLength: v, unit: unit)
    let second = residual.map { RoundedStage($0, vectorLength: v, unit: unit) }
    self.unit = unit
    // One stage alone is clamped, so that no byte is -128.
    func byte(_ sum: Int) -> Int { residual == nil ? max(-127, min(127, sum)) : Int(Int8(truncatingIfNeeded: sum)) }
    self.main = Self.table(residual == nil ? first.integers.map(byte) : first.integers, vectorLength: v, bias: 128)
    self.residual = second.map { Self.table($0.integers, vectorLength: v, bias: 0) }
    fineMain = Self.table(first.fineIntegers(unit: unit), vectorLength: v, bias: 128)
    fineResidual = second.map { Self.table($0.fineIntegers(unit: unit), vectorLength: v, bias: 0) }
    var entries = [UInt16?](repeating: nil, count: usage.count)
    var rest: [Float] = []
    // Most sums that do not fit come back in one element, so that few entries serve them all.
    var entryOfWraps: [[Int]: UInt16] = [:]
    let (mainIsWide, restIsWide) = (first.isWide, second?.isWide ?? [false])
    let hasWide = mainIsWide.contains(true) || restIsWide.contains(true)
    // Sums within the limit fit; codes that do not occur have 0.
    for code in usage.indices where peaks[code] > limit || hasWide && usage[code] > 0 {
      let (k, r) = (code & (1 << mainBits - 1), code >> mainBits)
      let isWide = mainIsWide[k] || restIsWide[r]
      let (a, b) = (k * v, r * v)
      let sums = (0..<v).map { first.integers[a + $0] + (second?.integers[b + $0] ?? 0) }
      guard isWide || !sums.allSatisfy({ byte($0) == $0 }) else { continue }
      let wraps = sums.map { $0 - byte($0) }
      if !isWide, let known = entryOfWraps[wraps] {
        entries[code] = known
        continue
      }
      let entry = UInt16(truncatingIfNeeded: rest.count / v)
      entries[code] = entry
      guard isWide else {
        entryOfWraps[wraps] = entry
        rest += wraps.map { unit * Float($0) }
        continue
      }
      for e in 0..<v {
        let errors = first.errors[a + e] + (second?.errors[b + e] ?? 0)
        rest.append(main[a + e] + (residual?[b + e] ?? 0) - errors - unit * Float(sums[e] - wraps[e]))
      }
    }
    self.entries = entries
    self.rest = rest
  }

  /// `[vectorLength, 256]` from `[count, vectorLength]`.
  private static func table(_ integers: [Int], vectorLength: Int, bias: Int) -> Tensor {
    Tensor(dtype: .uint8, shape: [vectorLength, 256]) { bytes in
      bytes.initializeMemory(as: UInt8.self, repeating: UInt8(bias))
      for (index, integer) in integers.enumerated() {
        bytes[index % vectorLength * 256 + index / vectorLength] = UInt8(truncatingIfNeeded: integer + bias)
      }
    }
  }

  /// The largest element of the sum that each code names; 0 for codes that do not occur.
  static func peaks(
    _ main: [Float], _ residual: [Float], _ vectorLength: Int, mainBits: Int, usage: [Int]
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
      for code in peaks.indices where usage[code] == 0 { peaks[code] = 0 }
    }
    return peaks
  }
}

/// Values as whole units.
private struct RoundedStage {
  let integers: [Int]
  /// What rounding left; 0 where a value is so far beyond the unit that no integer stands for it.
  let errors: [Float]
  /// Which centroids have such values.
  let isWide: [Bool]

  init(_ values: [Float], vectorLength: Int, unit: Float) {
    let inverse = unit > 0 ? 1 / unit : 0
    let units = values.map { ($0 * inverse).rounded(.toNearestOrEven) }
    func isWide(_ value: Float) -> Bool { !(abs(value) < 0x1p20) }
    integers = units.map { isWide($0) ? 0 : Int($0) }
    errors = values.indices.map { isWide(units[$0]) ? 0 : values[$0] - unit * units[$0] }
    self.isWide = (0..<(values.count / vectorLength)).map { k in
      units[(k * vectorLength)..<((k + 1) * vectorLength)].contains(where: isWide)
    }
  }

  /// Errors as 128ths of a unit; two of them make a byte.
  func fineIntegers(unit: Float) -> [Int] {
    let inverse = unit > 0 ? 128 / unit : 0
    return errors.map { Int(max(-63, min(63, ($0 * inverse).rounded(.toNearestOrEven)))) }
  }
}
