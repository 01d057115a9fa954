import Tensors

/// The loss `tr(Eᵀ H E)` of a transposed error matrix, and its gradient.
enum QuadraticForm {
  /// `H · E` for `metric[n, n]` and `errors[n, columns]`.
  static func product(_ metric: [Float], _ errors: [Float], n: Int, columns: Int) -> [Float] {
    var result = [Float](repeating: 0, count: n * columns)
    LinearAlgebra.multiplyAccumulate(
      alpha: 1, metric, aStride: n, errors, bStride: columns, into: &result, cStride: columns, m: n, n: columns, k: n)
    return result
  }

  /// `tr(Eᵀ H E)`, summed in Double row by row.
  static func value(_ metric: [Float], _ errors: [Float], n: Int, columns: Int) -> Double {
    let image = product(metric, errors, n: n, columns: columns)
    return inner(image, errors, n: n, columns: columns)
  }

  /// The sum of products of two matrices of `n` rows, in Double.
  static func inner(_ a: [Float], _ b: [Float], n: Int, columns: Int) -> Double {
    var rows = [Double](repeating: 0, count: n)
    rows.withUnsafeMutableBufferPointer { rows in
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          parallelFor(n) { row in
            var sum = 0.0
            for i in row * columns..<(row + 1) * columns { sum += Double(a[i]) * Double(b[i]) }
            rows[row] = sum
          }
        }
      }
    }
    return rows.reduce(0, +)
  }

  /// `a − b`, element by element.
  static func difference(_ a: [Float], _ b: [Float]) -> [Float] {
    var result = a
    result.withUnsafeMutableBufferPointer { result in
      b.withUnsafeBufferPointer { b in
        for i in 0..<result.count { result[i] -= b[i] }
      }
    }
    return result
  }
}
