import Foundation

extension DivergenceRecord {
  /// Statistics of all windows; nil where there was no reference.
  init?(_ windows: [WindowScores], reference: String) {
    let divergences = windows.flatMap(\.divergences)
    guard !divergences.isEmpty else { return nil }
    let count = Double(divergences.count)
    let mean = divergences.reduce(0.0) { $0 + Double($1) } / count
    let squares = divergences.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
    var (errors, referenceLoss) = (0.0, 0.0)
    for window in windows {
      for (loss, expected) in zip(window.losses, window.referenceLosses) {
        let error = exp(-Double(loss)) - exp(-Double(expected))
        errors += error * error
        referenceLoss += Double(expected)
      }
    }
    let quantiles = Quantile.of(divergences, shares: [0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1])
    self.init(
      reference: reference, mean: mean,
      meanStandardError: divergences.count > 1 ? (squares / (count - 1) / count).squareRoot() : .nan,
      median: quantiles.first { $0.share == 0.5 }?.value ?? .nan,
      quantiles: quantiles.filter { $0.share != 0.5 && $0.share != 1 }, max: quantiles.last?.value ?? .nan,
      topAgreement: windows.reduce(0.0) { $0 + $1.agreements.reduce(0.0) { $0 + Double($1) } } / count,
      probabilityError: (errors / count).squareRoot(), referencePerplexity: exp(referenceLoss / count),
      tokens: divergences.count, histogram: DivergenceHistogram(divergences))
  }
}

extension DivergenceHistogram {
  /// Counts from 1e-6 to 100 nats, four bins to a decade, and one bin below.
  init(_ values: [Float]) {
    let edges = [0] + (0...32).map { pow(10, Double($0) / 4 - 6) }
    var counts = [Int](repeating: 0, count: edges.count - 1)
    for value in values {
      let bin = edges.lastIndex { $0 <= Double(value) } ?? 0
      counts[min(bin, counts.count - 1)] += 1
    }
    self.init(edges: edges, counts: counts)
  }
}
