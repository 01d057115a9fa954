import Foundation

/// A measured perplexity, with everything that the number depends on.
public struct PerplexityResult: Sendable {
  /// The perplexity.
  public let value: Double
  /// Mean negative log-probability of a prediction, natural logarithm.
  public let meanLoss: Double
  /// Predictions that were scored.
  public let tokens: Int
  /// Windows that were scored.
  public let windows: Int
  /// Tokens of the text in one window.
  public let context: Int
  /// Tokens from the start of one window to the start of the next.
  public let stride: Int
  /// Whether a begin token stood before every window.
  public let bos: Bool
  /// Tokens of the text that no window covers.
  public let droppedTokens: Int
  /// Tokens of the whole text.
  public let textTokens: Int
  /// Mean negative log-probability of each window, natural logarithm.
  public let windowLosses: [Double]

  private let plan: TextWindows
  private let scores: [WindowScores]

  init(plan: TextWindows, scores: [WindowScores], bos: Bool, textTokens: Int) {
    self.plan = plan
    self.scores = scores
    self.bos = bos
    self.textTokens = textTokens
    windows = plan.windows.count
    context = plan.length
    stride = plan.stride
    droppedTokens = plan.droppedTokens
    tokens = plan.scoredTokens
    let sums = scores.map { $0.losses.reduce(0.0) { $0 + Double($1) } }
    windowLosses = zip(sums, scores).map { $0 / Double(max(1, $1.losses.count)) }
    meanLoss = sums.reduce(0, +) / Double(max(1, plan.scoredTokens))
    value = exp(meanLoss)
  }

  /// The losses of all predictions, in the order of the text.
  package var losses: [Float] { scores.flatMap(\.losses) }

  /// The part of a record; `words` and `bytes` are those of the whole text.
  public func record(text: String, words: Int, bytes: Int) -> PerplexityRecord {
    PerplexityRecord(
      value: value, meanLoss: meanLoss, tokens: tokens, windows: windows, context: context, stride: stride, bos: bos,
      droppedTokens: droppedTokens, text: text, textTokens: textTokens, textWords: words, textBytes: bytes,
      lossByPosition: lossByPosition,
      lossQuantiles: Quantile.of(losses, shares: [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1]))
  }

  /// The divergence from the reference; nil where there was none.
  public func divergence(reference: String) -> DivergenceRecord? {
    DivergenceRecord(scores, reference: reference)
  }

  /// Mean losses by position in the window; two buckets double the position.
  private var lossByPosition: [PerplexityRecord.PositionBucket] {
    let bounds = Self.bounds(upTo: context)
    var sums = [Double](repeating: 0, count: bounds.count)
    var counts = [Int](repeating: 0, count: bounds.count)
    for (window, scores) in zip(plan.windows, scores) {
      var bucket = 0
      for (offset, loss) in scores.losses.enumerated() {
        let position = window.scored.lowerBound - window.tokens.lowerBound + offset
        while !bounds[bucket].contains(position) { bucket += 1 }
        sums[bucket] += Double(loss)
        counts[bucket] += 1
      }
    }
    return bounds.indices.filter { counts[$0] > 0 }.map {
      PerplexityRecord.PositionBucket(
        first: bounds[$0].lowerBound, last: bounds[$0].upperBound - 1, meanLoss: sums[$0] / Double(counts[$0]),
        count: counts[$0])
    }
  }

  /// `0, 1, 2, 3, 4–5, 6–7, 8–11, 12–15, …` up to below `length`.
  static func bounds(upTo length: Int) -> [Range<Int>] {
    var bounds = [0..<1, 1..<2]
    var first = 2
    var width = 1
    while first < length {
      for _ in 0..<2 where first < length {
        bounds.append(first..<min(first + width, length))
        first += width
      }
      width *= 2
    }
    return bounds.filter { $0.lowerBound < length }
  }
}

extension Quantile {
  /// Values in rising order at shares of their number: the least value with at least that share of values at or below it.
  static func of(_ values: [Float], shares: [Double]) -> [Quantile] {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return [] }
    return shares.map { share in
      let rank = Int((share * Double(sorted.count)).rounded(.up)) - 1
      return Quantile(share: share, value: Double(sorted[min(sorted.count - 1, max(0, rank))]))
    }
  }
}
