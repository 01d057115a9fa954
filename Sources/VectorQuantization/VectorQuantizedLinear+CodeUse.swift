import Tensors

/// How often each centroid of a layer is named by a code.
public struct CodeCounts: Sendable, Equatable {
  /// `[group][main centroid]`.
  public let main: [[Int]]
  /// `[group][residual centroid]`; nil without a residual.
  public let residual: [[Int]]?
}

extension VectorQuantizedLinear {
  /// Counts the codes of every group, main and residual ones apart; outlier columns do not count.
  ///
  /// Every code names a centroid: that was checked when the layer was made.
  public func codeCounts() -> CodeCounts {
    // Rows are counted in pieces, each into a table of its own, so that few tables are added in the end.
    let pieceCount = max(1, min(WorkerPool.shared.threadCount, indices.rowCount / 16))
    var groups: [(main: [Int], residual: [Int])] = []
    for group in 0..<indices.groupCount {
      let width = (1 << settings.mainBits) + (settings.hasResidual ? 1 << settings.residualBits : 0)
      var counts = [Int](repeating: 0, count: pieceCount * width)
      counts.withUnsafeMutableBufferPointer { counts in
        guard let base = counts.baseAddress else { return }
        parallelFor(pieceCount) { piece in
          let rows = (piece * indices.rowCount / pieceCount)..<((piece + 1) * indices.rowCount / pieceCount)
          count(rows: rows, group: group, into: base + piece * width)
        }
      }
      var sum = [Int](repeating: 0, count: width)
      for piece in 0..<pieceCount {
        for index in 0..<width { sum[index] += counts[piece * width + index] }
      }
      groups.append(
        (
          main: Array(sum.prefix(settings.centroidCount)),
          residual: Array(sum.dropFirst(1 << settings.mainBits).prefix(settings.residualCentroidCount))
        ))
    }
    return CodeCounts(main: groups.map(\.main), residual: settings.hasResidual ? groups.map(\.residual) : nil)
  }

  /// Adds the codes of some rows of one group to `counts`, main codes first.
  private func count(rows: Range<Int>, group: Int, into counts: UnsafeMutablePointer<Int>) {
    let mask = UInt32(truncatingIfNeeded: UInt64(1) << UInt64(settings.mainBits) - 1)
    let residualCounts = settings.hasResidual ? counts + (1 << settings.mainBits) : nil
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(1, indices.columnCount)) { codes in
      guard let base = codes.baseAddress else { return }
      for row in rows {
        indices.unpack(row: group * indices.rowCount + row, into: base)
        for column in 0..<indices.columnCount {
          counts[Int(base[column] & mask)] += 1
          if let residualCounts { residualCounts[Int(base[column] >> UInt32(settings.mainBits))] += 1 }
        }
      }
    }
  }
}
