import Tensors

/// Whole numbers near given ones, chosen one after the other so that each makes up for what rounding did to those before, by a quadratic cost `dᵀ N d`
/// of what is left (Babai, 1986; the feedback of GPTQ is the same).
struct NearestPlane {
  private let count: Int
  /// What is chosen last comes first: that with the least diagonal.
  private let order: [Int]
  /// `Uᵀ U = N` with a little on its diagonal, in that order, upper; nil where there is no cost, or none that can be factored.
  private let factor: [Double]?
  private let matrix: [Double]

  /// - Parameter damping: what is added to the diagonal of `matrix[count, count]`, as a share of its mean, so that directions that cost nothing stay
  ///   where they are.
  init(_ matrix: [Double], count: Int, damping: Double) {
    self.count = count
    self.matrix = matrix
    let diagonal = (0..<count).map { matrix[$0 * count + $0] }
    let order = (0..<count).sorted { diagonal[$0] != diagonal[$1] ? diagonal[$0] < diagonal[$1] : $0 < $1 }
    self.order = order
    let mean = diagonal.reduce(0, +) / Double(count)
    var factor = [Double](repeating: 0, count: count * count)
    for (i, a) in order.enumerated() {
      for (j, b) in order.enumerated() { factor[i * count + j] = matrix[a * count + b] }
      factor[i * count + i] += mean * damping
    }
    self.factor = mean > 0 && LinearAlgebra.choleskyUpper(&factor, n: count) ? factor : nil
  }

  /// Rounds `values[count, elements]` to multiples of `unit`, each element by itself; also what that costs.
  func round(_ values: [Float], unit: Float, elements: Int) -> (values: [Float], cost: Double) {
    var result = values
    var cost = 0.0
    for e in 0..<elements {
      let left = round(unit: unit) {
        values[$0 * elements + e]
      } chosen: {
        result[$0 * elements + e] = $1
      }
      for i in 0..<count where left[i] != 0 {
        for j in 0..<count { cost += left[i] * left[j] * matrix[order[i] * count + order[j]] }
      }
    }
    return (result, cost * Double(unit) * Double(unit))
  }

  /// What rounding leaves, in units and in order.
  private func round(unit: Float, value: (Int) -> Float, chosen: (Int, Float) -> Void) -> [Double] {
    var left = [Double](repeating: 0, count: count)
    for i in stride(from: count - 1, through: 0, by: -1) {
      let exact = Double(value(order[i])) / Double(unit)
      var wanted = exact
      if let factor {
        var sum = 0.0
        for j in i + 1..<count { sum += factor[i * count + j] * left[j] }
        wanted += sum / factor[i * count + i]
      }
      left[i] = exact - wanted.rounded()
      chosen(order[i], unit * Float(wanted.rounded()))
    }
    return left
  }
}
