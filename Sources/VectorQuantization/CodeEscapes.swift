/// How often each code of a main and of a residual codebook occurs.
struct StageUsage {
  var main: [Int]
  /// Empty without a residual codebook.
  var residual: [Int]

  init(mainCodes: Int, residualCodes: Int) {
    main = [Int](repeating: 0, count: mainCodes)
    residual = [Int](repeating: 0, count: residualCodes)
  }

  mutating func add(_ other: StageUsage) {
    for (k, uses) in other.main.enumerated() where uses > 0 { main[k] += uses }
    for (k, uses) in other.residual.enumerated() where uses > 0 { residual[k] += uses }
  }
}

/// What bytes cannot say of the codes that name it (see `ck_escapes`).
struct CodeEscapes {
  /// The entry of each code that has one: by its lower `lowerBits` bits, then by those above them, if any.
  let lower: [UInt16?]
  let lowerBits: UInt32
  let upper: [UInt16?]
  /// `[entries, vectorLength]`.
  let values: [Float]

  /// Of codes that name a sum of two centroids; nil if 16 bits cannot say all entries, which no real codebooks need.
  init?(_ bytes: PlaneBytes, codeBits: UInt32, vectorLength: Int) {
    (lower, lowerBits, upper, values) = (bytes.entries, codeBits, [], bytes.rest)
    guard values.count / vectorLength < 1 << 16 else { return nil }
  }

  /// Of codes whose stages need entries of their own; nil likewise.
  init?(main: CentroidBytes, residual: CentroidBytes?, mainBits: UInt32, usage: StageUsage, vectorLength: Int) {
    // Values of the clamped centroids alone: of 65536 there are few.
    var values: [Float] = []
    func entries(_ bytes: CentroidBytes, _ usage: [Int]) -> [UInt16?] {
      bytes.isClamped.indices.map { k in
        guard bytes.isClamped[k], usage[k] > 0 else { return nil }
        values += bytes.rest[(k * vectorLength)..<((k + 1) * vectorLength)]
        return UInt16(truncatingIfNeeded: values.count / vectorLength - 1)
      }
    }
    lower = entries(main, usage.main)
    lowerBits = mainBits
    upper = residual.map { entries($0, usage.residual) } ?? []
    self.values = values
    guard values.count / vectorLength < 1 << 16 else { return nil }
  }
}
