import Tensors
import VectorQuantization

/// Centroids moved to whole multiples of a unit (`CommonUnit`), so that integer kernels multiply exactly what is stored.
///
/// With its codes held the loss is quadratic in the centroids of a pair of codebooks, by the same matrix `N = Aᵀ H A` for each of their elements, `A` saying
/// which centroids a row's columns name. Multiples are chosen one after the other, each making up for what rounding did to those before (Babai's
/// nearest plane, 1986); centroids that matter most come first. The unit is the coarsest whose rounding costs little: the coarser it
/// is, the fewer codes need more than a byte.
struct CentroidRounding {
  /// Of the rows whose codes are given.
  let layout: ColumnLayout
  /// `inFeatures × inFeatures`.
  let metric: [Float]
  let storageType: DType

  /// The shares of codes that may need more than a byte, and what rounding may cost of the loss as long as there is a finer unit.
  private static let shares = [0.001, 0.0025, 0.005, 0.01, 0.015]
  private static let tolerance = 0.0025
  /// Added to the diagonal of `N`, as a share of its mean: main and residual centroids moved against each other cost nothing.
  private static let damping = 0.001
  /// Fixed, so that sums do not depend on the number of threads.
  private static let chunks = 8

  /// The same codebooks in whole units, those of outlier columns and of groups of zeros aside.
  ///
  /// - Parameter loss: what the rows lose with `codebooks`.
  func rounded(_ codebooks: CodebookSet, codes: ColumnCodes, loss: Double) -> CodebookSet {
    var result = codebooks
    let hasResidual = !codebooks.residual.isEmpty
    for group in 0..<layout.groupCount {
      let main = codebooks.main[group]
      let pair = CentroidPair(
        main: main, residual: hasResidual ? codebooks.residual[group] : nil, v: layout.vectorLength)
      let own = GroupCodes(codes, of: pair, group: group, layout: layout)
      let budget = Self.tolerance * loss / Double(layout.groupCount)
      guard let values = round(pair, codes: own, group: group, budget: budget) else { continue }
      result.main[group] = Array(values.prefix(main.count))
      if hasResidual { result.residual[group] = Array(values.dropFirst(main.count)) }
    }
    return result
  }

  private func round(_ pair: CentroidPair, codes: GroupCodes, group: Int, budget: Double) -> [Float]? {
    let units = CommonUnit.choices(
      main: pair.main, residual: pair.residual, vectorLength: pair.v, mainBits: pair.mainCount.trailingZeroBitCount,
      usage: codes.usage, shares: Self.shares, storageType: storageType)
    guard !units.isEmpty else { return nil }
    let plane = NearestPlane(normal(codes, count: pair.count, group: group), count: pair.count, damping: Self.damping)
    for unit in units {
      let (values, cost) = plane.round(pair.all, unit: unit, elements: pair.v)
      if cost <= budget || unit == units.last { return values }
    }
    return nil
  }

  /// `N` of one group, `count × count`, main centroids first.
  private func normal(_ codes: GroupCodes, count: Int, group: Int) -> [Double] {
    let (first, n, size) = (layout.columns(ofGroup: group).lowerBound, layout.inFeatures, count * count)
    let columns = layout.groupSize
    var partial = [Double](repeating: 0, count: Self.chunks * size)
    partial.withUnsafeMutableBufferPointer { partial in
      metric.withUnsafeBufferPointer { metric in
        codes.list.withUnsafeBufferPointer { list in
          guard let partial = partial.baseAddress, let metric = metric.baseAddress, let list = list.baseAddress else {
            return
          }
          parallelFor(Self.chunks) { chunk in
            withScratch(count: count) { sums in
              for row in codes.rows * chunk / Self.chunks..<codes.rows * (chunk + 1) / Self.chunks {
                let named = list + row * codes.stages * columns
                for column in 0..<columns {
                  sums.update(repeating: 0, count: count)
                  let line = metric + (first + column) * n + first
                  for stage in 0..<codes.stages {
                    for other in 0..<columns { sums[Int(named[stage * columns + other])] += line[other] }
                  }
                  for stage in 0..<codes.stages {
                    let target = partial + chunk * size + Int(named[stage * columns + column]) * count
                    for k in 0..<count { target[k] += Double(sums[k]) }
                  }
                }
              }
            }
          }
        }
      }
      for chunk in 1..<Self.chunks { for i in 0..<size { partial[i] += partial[chunk * size + i] } }
    }
    return Array(partial.prefix(size))
  }
}

/// The codebooks of one group, as one list of centroids.
private struct CentroidPair {
  let main: [Float]
  let residual: [Float]?
  /// Elements of a centroid.
  let v: Int

  var all: [Float] { main + (residual ?? []) }
  var mainCount: Int { main.count / v }
  var count: Int { mainCount + (residual?.count ?? 0) / v }
}

/// Which of a pair's centroids the columns of a group name.
private struct GroupCodes {
  let rows: Int
  /// One or two.
  let stages: Int
  /// `[rows, stages, columns]`; residual centroids are counted after the main ones.
  let list: [Int32]
  /// How often each code `main | residual << mainBits` occurs.
  let usage: [Int]

  init(_ codes: ColumnCodes, of pair: CentroidPair, group: Int, layout: ColumnLayout) {
    let (rows, columns, stages) = (layout.vectorRows, layout.groupSize, codes.residual.isEmpty ? 1 : 2)
    let first = group * columns * rows
    var list = [Int32](repeating: 0, count: rows * stages * columns)
    var usage = [Int](repeating: 0, count: pair.mainCount * max(1, pair.count - pair.mainCount))
    for column in 0..<columns {
      for row in 0..<rows {
        let index = first + column * rows + row
        let (main, residual) = (codes.main[index], stages == 2 ? codes.residual[index] : 0)
        list[row * stages * columns + column] = main
        if stages == 2 { list[(row * stages + 1) * columns + column] = Int32(pair.mainCount) + residual }
        usage[Int(main) + pair.mainCount * Int(residual)] += 1
      }
    }
    (self.rows, self.stages, self.list, self.usage) = (rows, stages, list, usage)
  }
}
