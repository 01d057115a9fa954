public import Tensors

extension VectorQuantizedLinear {
  /// The dense weight `W[O, I]`, row-major (format section 5).
  ///
  /// With a `dtype` every step is rounded to it, which reproduces the reference bit for bit (section 5.1): the
  /// tensors themselves, the sum of main and residual, the product with the scale, the sum with the shift. Without
  /// one everything stays in float32.
  ///
  /// - Throws: `TensorError` if a part is not floating point.
  public func dequantized(roundingTo dtype: DType? = nil) throws -> [Float] {
    let decoder = try RowDecoder(self, dtype: dtype)
    return [Float](unsafeUninitializedCapacity: outFeatures * inFeatures) { target, initialized in
      initialized = outFeatures * inFeatures
      guard let base = target.baseAddress else { return }
      parallelFor(settings.vectorRows(outFeatures: outFeatures)) { decoder.decode(vectorRow: $0, into: base) }
    }
  }
}

/// Decodes the outputs of one vector row at a time.
private struct RowDecoder: Sendable {
  private let layer: VectorQuantizedLinear
  private let dtype: DType?
  private let main: [[Float]]
  private let residual: [[Float]]
  private let outlier: [Float]
  private let outlierCodes: [UInt32]
  /// The original column of each storage column.
  private let columns: [Int]
  private let scale: [Float]
  private let shift: [Float]

  init(_ layer: VectorQuantizedLinear, dtype: DType?) throws {
    self.layer = layer
    self.dtype = dtype == .float32 ? nil : dtype
    let groups = 0..<layer.settings.groupCount
    let rounded = { (values: [Float]) in dtype.map { FloatConversion.rounded(values, to: $0) } ?? values }
    main = groups.map { rounded(layer.centroids.floats(group: $0)) }
    residual = layer.residualCentroids.map { book in groups.map { rounded(book.floats(group: $0)) } } ?? []
    outlier = rounded(layer.outlierCentroids?.floats(group: 0) ?? [])
    outlierCodes = try layer.outlierIndices?.codes(name: "outlier_indices") ?? []
    columns = layer.permutation?.indices.map { Int($0) } ?? Array(0..<layer.inFeatures)
    scale = rounded(layer.scale?.modelFloats ?? [])
    shift = rounded(layer.shift?.modelFloats ?? [])
  }

  func decode(vectorRow n: Int, into weight: UnsafeMutablePointer<Float>) {
    let settings = layer.settings
    let inFeatures = layer.inFeatures, length = settings.vectorLength
    let groupSize = settings.groupSize
    var codes = [UInt32](repeating: 0, count: settings.groupCount * groupSize)
    codes.withUnsafeMutableBufferPointer { codes in
      guard let base = codes.baseAddress else { return }
      for group in 0..<settings.groupCount {
        layer.indices.unpack(row: group * layer.indices.rowCount + n, into: base + group * groupSize)
      }
    }
    let mask = UInt32(truncatingIfNeeded: UInt64(1) << UInt64(settings.mainBits) - 1)
    let mainBits = UInt32(settings.mainBits)
    var stored = [Float](repeating: 0, count: inFeatures)
    var original = stored
    for output in (n * length)..<min((n + 1) * length, layer.outFeatures) {
      let element = output - n * length
      let outliers = settings.outlierSize
      if outliers > 0 {
        let vo = settings.outlierVectorLength
        let row = output / vo * outliers
        for c in 0..<outliers { stored[c] = outlier[Int(outlierCodes[row + c]) * vo + output % vo] }
      }
      for group in 0..<settings.groupCount {
        let first = group * groupSize
        let table = main[group]
        for j in first..<(first + groupSize) {
          stored[outliers + j] = table[Int(codes[j] & mask) * length + element]
        }
        guard settings.hasResidual else { continue }
        let residualTable = residual[group]
        for j in first..<(first + groupSize) {
          stored[outliers + j] += residualTable[Int(codes[j] >> mainBits) * length + element]
        }
      }
      if settings.hasResidual { round(&stored) }
      for c in 0..<inFeatures { original[columns[c]] = stored[c] }
      if !scale.isEmpty { applyNorm(&original, output: output) }
      original.withUnsafeBufferPointer { row in
        if let base = row.baseAddress { (weight + output * inFeatures).update(from: base, count: inFeatures) }
      }
    }
  }

  /// `W = D · scale + shift`, rounded after each step.
  private func applyNorm(_ row: inout [Float], output: Int) {
    let perInput = layer.settings.normAxis == .input
    for i in row.indices { row[i] *= scale[perInput ? i : output] }
    round(&row)
    for i in row.indices { row[i] += shift[perInput ? i : output] }
    round(&row)
  }

  private func round(_ values: inout [Float]) {
    if let dtype { values = FloatConversion.rounded(values, to: dtype) }
  }
}
