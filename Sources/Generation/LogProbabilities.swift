import Foundation

/// A token and the natural logarithm of its probability.
public struct TokenLogProbability: Sendable, Equatable {
  /// The token's id.
  public let id: Int
  /// The natural logarithm of the softmax, at most 0.
  public let value: Double

  /// A token with its log-probability.
  public init(id: Int, value: Double) {
    self.id = id
    self.value = value
  }
}

/// The log-softmax of one row of logits: what the model says, before temperature, penalties and bias.
public struct LogProbabilities: Sendable {
  private let logits: ArraySlice<Float>
  /// The logarithm of the sum of the exponentials of the logits.
  public let normalizer: Double

  /// The distribution of a row of logits; not finite if the row holds NaN or no finite logit.
  public init(_ logits: ArraySlice<Float>) {
    self.logits = logits
    normalizer = logits.withUnsafeBufferPointer { logSumExp($0) }
  }

  /// The log-probability of a token.
  public subscript(id: Int) -> Double {
    Double(logits[logits.startIndex + id]) - normalizer
  }

  /// The `count` most likely tokens, most likely first and ties by id.
  public func top(_ count: Int) -> [TokenLogProbability] {
    var best: [(id: Int, logit: Float)] = []
    for (id, logit) in logits.enumerated() {
      if best.count == count {
        guard let last = best.last, logit > last.logit else { continue }
        best.removeLast()
      }
      let place = best.firstIndex { $0.logit < logit } ?? best.endIndex
      best.insert((id, logit), at: place)
    }
    return best.map { TokenLogProbability(id: $0.id, value: Double($0.logit) - normalizer) }
  }
}

/// log Σ exp(x), with the sum kept in Double.
package func logSumExp(_ row: UnsafeBufferPointer<Float>) -> Double {
  var maximum = -Float.infinity
  for value in row where value > maximum || value.isNaN { maximum = value }
  guard maximum.isFinite else { return Double(maximum) }
  var sum = 0.0
  for value in row { sum += Double(exp(value - maximum)) }
  return Double(maximum) + log(sum)
}
