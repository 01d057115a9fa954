import Tensors

/// The best centroids for fixed codes: `min tr((Q − W)ᵀ H (Q − W))` over all codebooks at once.
///
/// `Q = A c` is linear in the centroids `c`, so this is a least-squares problem with normal matrix `Aᵀ H A`; it is
/// solved by conjugate gradients, preconditioned with the summed diagonal of `H` of each centroid's vectors.
struct CodebookLeastSquares {
  let layout: ColumnLayout
  /// `inFeatures × inFeatures`.
  let metric: [Float]
  /// `inFeatures × stride`, transposed.
  let weights: [Float]

  /// `steps` conjugate-gradient steps from `start`.
  func solve(codes: ColumnCodes, start: CodebookSet, steps: Int) -> CodebookSet {
    let shape = FlatCodebooks(start, layout: layout)
    var c = shape.flatten(start)
    let preconditioner = self.preconditioner(codes: codes, shape: shape)
    let error = QuadraticForm.difference(weights, codes.decoded(start, layout: layout))
    var r = adjoint(image(of: error), codes: codes, shape: shape)
    var z = zip(r, preconditioner).map { $0 / $1 }
    var p = z
    var rz = dot(r, z)
    for _ in 0..<steps where rz > 0 {
      let direction = codes.decoded(shape.unflatten(p), layout: layout)
      let ap = adjoint(image(of: direction), codes: codes, shape: shape)
      let curvature = dot(p, ap)
      guard curvature > 0, curvature.isFinite else { break }
      let length = rz / curvature
      for i in c.indices {
        c[i] += length * p[i]
        r[i] -= length * ap[i]
        z[i] = r[i] / preconditioner[i]
      }
      let next = dot(r, z)
      for i in p.indices { p[i] = z[i] + next / rz * p[i] }
      rz = next
    }
    return shape.unflatten(c)
  }

  private func image(of matrix: [Float]) -> [Float] {
    QuadraticForm.product(metric, matrix, n: layout.inFeatures, columns: layout.stride)
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0.0) { $0 + $1.0 * $1.1 }
  }

  /// `Aᵀ G`: for every centroid the sum of the pieces of `gradient` at its vectors, by fixed chunks of columns.
  private func adjoint(_ gradient: [Float], codes: ColumnCodes, shape: FlatCodebooks) -> [Double] {
    let stride = layout.stride
    return gradient.withUnsafeBufferPointer { gradient in
      accumulate(codes: codes, shape: shape) { column, element in Double(gradient[column * stride + element]) }
    }
  }

  private func preconditioner(codes: ColumnCodes, shape: FlatCodebooks) -> [Double] {
    let n = layout.inFeatures
    return accumulate(codes: codes, shape: shape) { column, _ in Double(metric[column * n + column]) }
      .map { max($0, 1e-12) }
  }

  private func accumulate(
    codes: ColumnCodes, shape: FlatCodebooks, term: (_ column: Int, _ element: Int) -> Double
  ) -> [Double] {
    let columns = layout.inFeatures
    let chunks = min(16, columns)
    let size = shape.count
    var partial = [Double](repeating: 0, count: chunks * size)
    partial.withUnsafeMutableBufferPointer { partial in
      parallelFor(chunks) { chunk in
        for column in columns * chunk / chunks..<columns * (chunk + 1) / chunks {
          for (list, first, d, offset) in shape.uses(ofColumn: column, codes: codes) {
            list.withUnsafeBufferPointer { list in
              for n in 0..<(layout.outFeatures + d - 1) / d {
                let slot = chunk * size + offset + Int(list[first + n]) * d
                for e in 0..<min(d, layout.outFeatures - n * d) { partial[slot + e] += term(column, n * d + e) }
              }
            }
          }
        }
      }
      for chunk in 1..<max(chunks, 1) {
        for i in 0..<size { partial[i] += partial[chunk * size + i] }
      }
    }
    return Array(partial.prefix(size))
  }
}

/// All centroids of a matrix as one vector: outliers, main codebooks, residual codebooks.
private struct FlatCodebooks {
  let layout: ColumnLayout
  let outlierCount: Int
  let mainCount: Int
  let residualCount: Int

  init(_ codebooks: CodebookSet, layout: ColumnLayout) {
    self.layout = layout
    outlierCount = codebooks.outlier.count
    mainCount = codebooks.main.first?.count ?? 0
    residualCount = codebooks.residual.first?.count ?? 0
  }

  var count: Int { outlierCount + layout.groupCount * (mainCount + residualCount) }

  func flatten(_ codebooks: CodebookSet) -> [Double] {
    (codebooks.outlier + codebooks.main.joined() + codebooks.residual.joined()).map(Double.init)
  }

  func unflatten(_ values: [Double]) -> CodebookSet {
    let floats = values.map { Float($0) }
    let groups = 0..<layout.groupCount
    let residualBase = outlierCount + layout.groupCount * mainCount
    return CodebookSet(
      outlier: Array(floats[..<outlierCount]),
      main: groups.map { Array(floats[(outlierCount + $0 * mainCount)...].prefix(mainCount)) },
      residual: residualCount == 0
        ? [] : groups.map { Array(floats[(residualBase + $0 * residualCount)...].prefix(residualCount)) })
  }

  /// The code lists that make up a column: first code, vector length and place of the codebook in the flat vector.
  func uses(ofColumn column: Int, codes: ColumnCodes) -> [(codes: [Int32], first: Int, dimension: Int, offset: Int)] {
    guard let group = layout.group(ofColumn: column) else {
      return [(codes.outlier, column * layout.outlierVectorRows, layout.outlierVectorLength, 0)]
    }
    let first = (column - layout.outlierCount) * layout.vectorRows
    let main = (codes.main, first, layout.vectorLength, outlierCount + group * mainCount)
    guard residualCount > 0 else { return [main] }
    let offset = outlierCount + layout.groupCount * mainCount + group * residualCount
    return [main, (codes.residual, first, layout.vectorLength, offset)]
  }
}
