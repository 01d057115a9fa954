import LanguageModels
import Tensors

/// `H = E[x xᵀ]` of the distinct linear inputs of one block, accumulated in double precision.
struct SecondMoments: SecondMomentSource {
  /// One running sum.
  private final class Sum {
    let width: Int
    var values: [Double] = []
    var tokens = 0
    /// Whether `values` are the mean already.
    var isMean = false

    init(width: Int) {
      self.width = width
    }

    func add(_ x: UnsafePointer<Float>, rows: Int) {
      if values.isEmpty { values = [Double](repeating: 0, count: width * width) }
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
      var values: [Double] = []
      swap(&values, &sum.values)
      sum.values = Self.mean(values, width: sum.width, tokens: sum.tokens)
      sum.isMean = true
    }
    return sum.values
  }

  /// The symmetric mean of a sum of which the upper triangle counts, formed in its memory where the caller gives it up.
  static func mean(_ sum: consuming [Double], width n: Int, tokens: Int) -> [Double] {
    var values = consume sum
    let scale = 1 / Double(tokens)
    values.withUnsafeMutableBufferPointer { values in
      forRowBlocks(n) { rows in
        for row in rows {
          for column in row..<n { values[row * n + column] *= scale }
        }
        for column in rows.lowerBound..<n {
          for row in rows.lowerBound..<min(rows.upperBound, column) {
            values[column * n + row] = values[row * n + column]
          }
        }
      }
    }
    return values
  }

  /// Goes on with a sum of which the upper triangle of `values[width, width]` is given.
  mutating func set(_ input: LinearInput, _ values: [Double], width: Int, tokens: Int) {
    let sum = Sum(width: width)
    sum.values = values
    sum.tokens = tokens
    sums[input] = sum
  }

  /// The name of a sum in a file.
  static func tensorName(_ input: LinearInput) -> String { "sum.\(input)" }

  /// The upper triangle of a sum row by row, `[width (width + 1) / 2]`; zeros for an input that no token reached.
  func upperTriangle(_ input: LinearInput, width: Int) -> Tensor {
    let sum = sums[input]
    precondition(sum?.isMean != true, "\(input) has been averaged")
    return Tensor(dtype: .float64, shape: [width * (width + 1) / 2]) { target in
      sum?.values.withUnsafeBytes { source in
        var offset = 0
        for row in 0..<width {
          let line = source[((row * width + row) * 8)..<((row + 1) * width * 8)]
          UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: line))
          offset += line.count
        }
      }
    }
  }
}
