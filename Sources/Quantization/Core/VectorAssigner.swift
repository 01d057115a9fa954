import Tensors

/// Chooses main and residual centroid for vectors: greedily, over a beam of main centroids, or over all pairs.
///
/// Width 1 takes the nearest main centroid `C`, then the residual centroid nearest to `x − C` (paper, Algorithm 1).
/// A width `B` tries the `B` nearest main centroids, each with its best residual. Where all pairs are few, any width
/// above 1 means a search over all of them, which costs less than the beam. Ties go to the lowest main, then the
/// lowest residual index.
package struct VectorAssigner: Sendable {
  /// Up to this many pairs all sums are tabulated.
  static let exhaustiveLimit = 4096
  /// Vectors whose beams are searched at a time.
  private static let vectorsTogether = 64

  package let main: BlockedCodebook
  package let residual: BlockedCodebook?
  package let beamWidth: Int
  private let sums: BlockedCodebook?

  /// An assigner for codebooks of `dimension` floats per centroid.
  package init(main: [Float], residual: [Float]?, dimension: Int, beamWidth: Int) {
    let mainBook = BlockedCodebook(main, dimension: dimension)
    self.main = mainBook
    self.residual = residual.map { BlockedCodebook($0, dimension: dimension) }
    self.beamWidth = min(beamWidth, mainBook.count)
    if let residual, beamWidth > 1, mainBook.count * (residual.count / dimension) <= Self.exhaustiveLimit {
      sums = BlockedCodebook(Self.pairSums(main, residual, dimension: dimension), dimension: dimension)
    } else {
      sums = nil
    }
  }

  /// `C_k + R_r` at index `k · R + r`.
  private static func pairSums(_ main: [Float], _ residual: [Float], dimension: Int) -> [Float] {
    var sums: [Float] = []
    sums.reserveCapacity(main.count * residual.count / dimension)
    for k in stride(from: 0, to: main.count, by: dimension) {
      for r in stride(from: 0, to: residual.count, by: dimension) {
        for e in 0..<dimension { sums.append(main[k + e] + residual[r + e]) }
      }
    }
    return sums
  }

  /// Writes the codes of `count` contiguous vectors; `residualCodes` must be given if there is a residual codebook.
  package func assign(
    _ vectors: UnsafePointer<Float>, count: Int, mainCodes: UnsafeMutablePointer<Int32>,
    residualCodes: UnsafeMutablePointer<Int32>?
  ) {
    guard let residual, let residualCodes else {
      main.nearest(vectors, count: count, indices: mainCodes)
      return
    }
    if let sums {
      sums.nearest(vectors, count: count, indices: mainCodes)
      let shift = Int32(residual.count)
      for n in 0..<count {
        (mainCodes[n], residualCodes[n]) = mainCodes[n].quotientAndRemainder(dividingBy: shift)
      }
    } else if beamWidth == 1 {
      assignGreedily(vectors, count: count, mainCodes: mainCodes, residual: residual, residualCodes: residualCodes)
    } else {
      assignByBeam(vectors, count: count, mainCodes: mainCodes, residual: residual, residualCodes: residualCodes)
    }
  }

  private func assignGreedily(
    _ vectors: UnsafePointer<Float>, count: Int, mainCodes: UnsafeMutablePointer<Int32>, residual: BlockedCodebook,
    residualCodes: UnsafeMutablePointer<Int32>
  ) {
    let d = main.dimension
    main.nearest(vectors, count: count, indices: mainCodes)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: max(count * d, 1)) { rest in
      guard let rest = rest.baseAddress else { return }
      main.centroids.withUnsafeBufferPointer { centroids in
        for n in 0..<count {
          let base = Int(mainCodes[n]) * d
          for e in 0..<d { rest[n * d + e] = vectors[n * d + e] - centroids[base + e] }
        }
      }
      residual.nearest(rest, count: count, indices: residualCodes)
    }
  }

  private func assignByBeam(
    _ vectors: UnsafePointer<Float>, count: Int, mainCodes: UnsafeMutablePointer<Int32>, residual: BlockedCodebook,
    residualCodes: UnsafeMutablePointer<Int32>
  ) {
    let (d, width) = (main.dimension, beamWidth)
    let together = min(count, Self.vectorsTogether)
    withScratch(count: together * width * (d + 4)) { floats in
      let rest = floats + 2 * together * width
      let (scores, best) = (rest + together * width * d, rest + together * width * (d + 1))
      let beam = UnsafeMutableRawPointer(floats).bindMemory(to: Int32.self, capacity: 2 * together * width)
      let found = beam + together * width
      main.centroids.withUnsafeBufferPointer { centroids in
        for first in stride(from: 0, to: count, by: max(together, 1)) {
          let own = min(together, count - first)
          let x = vectors + first * d
          main.nearest(x, count: own, width: width, indices: beam, scores: scores)
          for b in 0..<own * width {
            let (n, base) = (b / width, Int(beam[b]) * d)
            for e in 0..<d { rest[b * d + e] = x[n * d + e] - centroids[base + e] }
          }
          residual.nearest(rest, count: own * width, indices: found, scores: best)
          for n in 0..<own {
            let winner = Self.winner(
              of: n * width..<(n + 1) * width, beam: beam, rest: rest, scores: best, dimension: d)
            mainCodes[first + n] = beam[winner]
            residualCodes[first + n] = found[winner]
          }
        }
      }
    }
  }

  /// Which of the candidates of a vector is nearest with its residual centroid, of equal ones that with the lowest main index.
  private static func winner(
    of candidates: Range<Int>, beam: UnsafePointer<Int32>, rest: UnsafePointer<Float>, scores: UnsafePointer<Float>,
    dimension d: Int
  ) -> Int {
    var winner = candidates.lowerBound
    var least = Float.infinity
    for b in candidates {
      var squared: Float = 0
      for e in 0..<d { squared += rest[b * d + e] * rest[b * d + e] }
      let distance = 2 * scores[b] + squared
      let isLower = distance == least && beam[b] < beam[winner]
      if distance < least || isLower { (winner, least) = (b, distance) }
    }
    return winner
  }
}
