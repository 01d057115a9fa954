import CKernels
import Tensors
import VectorQuantization

extension TunedMatrix {
  /// Chooses all codes again. Returns how many changed.
  func chooseCodes(
    _ evidence: CodeEvidence, values: UnsafePointer<Float>, reference: [Float]?, pull: Float, damping: Float,
    beamWidth: Int
  ) -> Int {
    let outliers = parts.last.flatMap { $0.residualTable == nil && hasOutliers ? $0 : nil }
    let groups = hasOutliers ? Array(parts.dropLast()) : parts
    let layout = ColumnLayout(
      outFeatures: outFeatures, inFeatures: inFeatures, vectorLength: groups[0].vectorLength,
      outlierVectorLength: outliers?.vectorLength ?? 0, outlierCount: outliers?.columns.count ?? 0,
      groupCount: groups.count)
    func table(_ range: Range<Int>) -> [Float] {
      Array(UnsafeBufferPointer(start: values + range.lowerBound, count: range.count))
    }
    let books = CodebookSet(
      outlier: outliers.map { table($0.table) } ?? [], main: groups.map { table($0.table) },
      residual: groups.compactMap { $0.residualTable.map(table) })
    var codes = ColumnCodes(layout: layout, hasResidual: groups[0].residualTable != nil)
    codes.main = groups.flatMap { $0.codes.map(Int32.init) }
    codes.residual = groups.flatMap { $0.residualCodes.map(Int32.init) }
    codes.outlier = outliers?.codes.map(Int32.init) ?? []
    let columns = (outliers?.columns ?? []) + groups.flatMap(\.columns)
    let scales = columns.map { column in scale.map { values[$0.lowerBound + column] } ?? 1 }
    let shifts = columns.map { column in shift.map { values[$0.lowerBound + column] } ?? 0 }
    let n = inFeatures
    var metric = [Float](repeating: 0, count: n * n)
    for i in 0..<n {
      for j in 0..<n {
        metric[i * n + j] =
          scales[i] * scales[j] * evidence.moment.base[columns[i] * n + columns[j]] / Float(evidence.rows)
      }
    }
    // mean loss: dy = (1/rows) per-token gradient
    let rowsPerWindow = Double(evidence.rows) / Double(evidence.windows)
    let curvature = evidence.outputEnergy / Double(evidence.rows * outFeatures) * rowsPerWindow * rowsPerWindow
    let present = codes.decoded(books, layout: layout)
    var image = [Float](repeating: 0, count: n * layout.stride)
    let factor = damping == .infinity ? 0 : Float(-1 / (Double(evidence.windows) * curvature)) / damping
    for c in 0..<n {
      for row in 0..<outFeatures {
        image[c * layout.stride + row] = factor * scales[c] * evidence.gradient.base[columns[c] * stride + row]
      }
    }
    if pull > 0, let reference {
      var error = [Float](repeating: 0, count: n * layout.stride)
      for c in 0..<n where scales[c] != 0 {
        for row in 0..<outFeatures {
          error[c * layout.stride + row] =
            (reference[row * n + columns[c]] - shifts[c]) / scales[c] - present[c * layout.stride + row]
        }
      }
      LinearAlgebra.multiplyAccumulate(
        alpha: pull, metric, aStride: n, error, bStride: layout.stride, into: &image, cStride: layout.stride, m: n,
        n: layout.stride, k: n)
      // correlation of the two pulls
      if damping == .infinity {
        var (xy, xx, yy) = (0.0, 0.0, 0.0)
        for c in 0..<n {
          for row in 0..<outFeatures {
            let a = Double(image[c * layout.stride + row] / pull),
              b =
                Double(-scales[c] * evidence.gradient.base[columns[c] * stride + row]) / Double(evidence.windows)
                / curvature
            xy += a * b; xx += a * a; yy += b * b
          }
        }
        print(
          "corr \(outFeatures)x\(n) \(xy / (xx * yy).squareRoot()) slope of gradient on pull \(xy / xx)  D \(curvature)"
        )
      }
    }
    let old = codes
    CodeDescent(
      assigner: ColumnAssigner(layout: layout, codebooks: books, beamWidth: beamWidth), metric: metric,
      weights: present, image: image
    ).improve(&codes)
    var changed = 0
    for i in codes.main.indices
    where codes.main[i] != old.main[i] || (codes.residual.isEmpty ? false : codes.residual[i] != old.residual[i]) {
      changed += 1
    }
    let perGroup = layout.groupSize * layout.vectorRows
    for g in groups.indices {
      parts[g].codes = codes.main[(g * perGroup)..<((g + 1) * perGroup)].map { UInt16($0) }
      if !codes.residual.isEmpty {
        parts[g].residualCodes = codes.residual[(g * perGroup)..<((g + 1) * perGroup)].map { UInt16($0) }
      }
    }
    if outliers != nil { parts[parts.count - 1].codes = codes.outlier.map { UInt16($0) } }
    return changed
  }
}
