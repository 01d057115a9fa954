import LanguageModels
import Tensors

/// `H = E[x xᵀ]` of the distinct linear inputs of one block, accumulated in double precision.
struct SecondMoments: SecondMomentSource {
  /// One running sum.
  private final class Sum {
    let width: Int
    var values: [Double]
    var tokens = 0
    /// Whether `values` are the mean already.
    var isMean = false

    init(width: Int) {
      self.width = width
      values = [Double](repeating: 0, count: width * width)
    }

    func add(_ x: UnsafePointer<Float>, rows: Int) {
      values.withUnsafeMutableBufferPointer { h in
        guard let h = h.baseAddress else { return }
        LinearAlgebra.accumulateSecondMoment(x, tokens: rows, n: width, into: h)
      }
    }
  }

  private var sums: [LinearInput: Sum] = [:]

  /// Adds rows `x[rows, width]` of one input; `weights` tells how much each row of all that are added counts, all alike unless
  /// given.
  ///
  /// Not to be called once the mean of the input was asked for.
  mutating func add(
    _ input: LinearInput, _ x: UnsafePointer<Float>, rows: Int, width: Int, weights: [Float]? = nil
  ) {
    let sum: Sum
    if let known = sums[input] {
      sum = known
    } else {
      sum = Sum(width: width)
      sums[input] = sum
    }
    precondition(!sum.isMean, "\(input) has been averaged")
    defer { sum.tokens += rows }
    guard let weights else { return sum.add(x, rows: rows) }
    withScratch(count: rows * width) { scaled in
      for row in 0..<rows {
        let factor = weights[sum.tokens + row].squareRoot()
        for column in row * width..<(row + 1) * width { scaled[column] = factor * x[column] }
      }
      sum.add(scaled, rows: rows)
    }
  }

  /// Rows added to one input.
  func tokens(_ input: LinearInput) -> Int { sums[input]?.tokens ?? 0 }

  /// The symmetric mean `[width, width]` of one input over all rows added, formed where the sum was.
  func mean(_ input: LinearInput) -> [Double]? {
    guard let sum = sums[input], sum.tokens > 0 else { return nil }
    if !sum.isMean {
      let (n, scale) = (sum.width, 1 / Double(sum.tokens))
      sum.values.withUnsafeMutableBufferPointer { values in
        for row in 0..<n {
          for column in row..<n {
            let value = values[row * n + column] * scale
            values[row * n + column] = value
            values[column * n + row] = value
          }
        }
      }
      sum.isMean = true
    }
    return sum.values
  }
}
