import Foundation
import LanguageModels
import Tensors

/// A distribution over the vocabulary in few bytes: its most likely tokens, and the share of all others as one.
///
/// Log-probabilities of kept tokens are rounded to 16 bits between 0 and the lowest of the row, an error of at most
/// `lowest / 131070` (below 2e-4 for a lowest of 20). Divergences take the other tokens as one outcome, which can only make
/// them smaller; tokens are kept until the others have at most `tailShare`, or `limit` tokens are kept.
struct CompactDistribution: Sendable, Equatable {
  /// The most likely token.
  var best: Int
  /// `−log p` of the token that follows in the text.
  var targetLoss: Float
  /// `−log p` of the least likely kept token.
  var lowest: Float
  /// What all tokens that are not kept have together.
  var tail: Float
  /// The kept tokens, rising.
  var tokens: [UInt32]
  /// `round(65535 · log p / log p(least likely))` of each.
  var codes: [UInt16]

  /// What the others have at most, unless the limit is reached.
  static let tailShare = 1e-3
  /// The most tokens that are kept.
  static let limit = 4096

  /// The distribution of a row of logits.
  init(_ line: UnsafePointer<Float>, count: Int, target: Int) {
    let row = LogitRow(line, count: count)
    best = row.best
    targetLoss = Float(row.normalizer - Double(line[target]))
    // Sixteen steps to a nat; where the rest beyond a step is small enough, what is above it is kept.
    let steps = 512
    var shares = [Double](repeating: 0, count: steps)
    var counts = [Int](repeating: 0, count: steps)
    let normalizer = Float(row.normalizer)
    func step(_ index: Int) -> Int {
      let distance = (normalizer - line[index]) * 16
      return distance < Float(steps - 1) ? max(0, Int(distance)) : steps - 1
    }
    for index in 0..<count {
      let step = step(index)
      counts[step] += 1
      if step < steps - 1 { shares[step] += Double(expf(line[index] - normalizer)) }
    }
    var (end, kept, share) = (0, 0, 0.0)
    while end < steps - 1, 1 - share > Self.tailShare, kept + counts[end] <= Self.limit {
      share += shares[end]
      kept += counts[end]
      end += 1
    }
    var tokens: [UInt32] = []
    tokens.reserveCapacity(kept + 1)
    for index in 0..<count where step(index) < end || index == best { tokens.append(UInt32(index)) }
    let losses = tokens.map { token in
      let loss = Float(row.normalizer - Double(line[Int(token)]))
      return loss > 0 ? loss : 0
    }
    let lowest = max(losses.max() ?? 0, 1e-6)
    self.lowest = lowest
    self.tokens = tokens
    codes = losses.map { UInt16(($0 / lowest * 65535).rounded()) }
    tail = 0
    tail = Float(max(0, 1 - (0..<tokens.count).reduce(0) { $0 + exp(logarithm($1)) }))
  }

  /// The rounded log-probability of a kept token.
  func logarithm(_ index: Int) -> Double { -Double(codes[index]) / 65535 * Double(lowest) }

  /// `Σ p log(p / q)` against the distribution of a row of logits; the tokens that are not kept count as one.
  func divergence(from line: UnsafePointer<Float>, count: Int) -> (divergence: Double, best: Int) {
    let row = LogitRow(line, count: count)
    var (sum, rest, mass) = (0.0, 1.0, 0.0)
    for index in tokens.indices {
      let (p, q) = (logarithm(index), Double(line[Int(tokens[index])]) - row.normalizer)
      let share = exp(p)
      sum += share * (p - q)
      mass += share
      rest -= exp(q)
    }
    // Rounding can leave the kept shares above one; they are brought back to it together with the tail.
    let total = mass + Double(tail)
    sum = sum / total - mass / total * log(total)
    let share = Double(tail) / total
    if share > 0 { sum += share * log(share / max(rest, 1e-9)) }
    return (max(0, sum), row.best)
  }
}
