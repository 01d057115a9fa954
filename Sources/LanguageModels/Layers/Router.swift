import CKernels
import Foundation
import Tensors

/// Chooses the experts of each token.
struct Router: Sendable {
  /// One chosen expert.
  struct Choice: Equatable {
    let expert: Int
    let weight: Float
  }

  let configuration: RoutingConfiguration
  /// `[expertCount, hiddenSize]`.
  let linear: any Linear
  /// Added to the scores for the choice, `[expertCount]`.
  let bias: [Float]?

  /// The experts of every row of `x[rows, hiddenSize]`, best first.
  func choose(_ x: UnsafePointer<Float>, rows: Int, grouping: TokenGrouping) -> [[Choice]] {
    let count = configuration.expertCount
    var logits = [Float](repeating: 0, count: rows * count)
    logits.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { linear.apply(x, tokens: rows, grouping: grouping, into: base) }
    }
    return (0..<rows).map { choose(logits: logits[($0 * count)..<(($0 + 1) * count)]) }
  }

  /// The experts for one token's logits.
  func choose(logits: ArraySlice<Float>) -> [Choice] {
    let c = configuration
    var scores = Array(logits)
    switch c.scoring {
    case .softmax: ck_active().pointee.softmax(&scores, scores.count)
    case .sigmoid: for index in scores.indices { scores[index] = 1 / (1 + exp(-scores[index])) }
    }
    var ranked = scores
    if let bias {
      for index in ranked.indices { ranked[index] += bias[index] }
    }
    if c.groupCount > 1 { close(&ranked) }
    let chosen = Self.largest(c.expertsPerToken, of: ranked)
    var weights = chosen.map { ranked[$0] == -.infinity ? 0 : scores[$0] }
    if c.normalizesWeights {
      let sum = weights.reduce(0, +) + (c.scoring == .sigmoid ? 1e-20 : 0)
      for index in weights.indices { weights[index] /= sum }
    }
    return zip(chosen, weights).map { Choice(expert: $0, weight: $1 * c.scale) }
  }

  /// Puts the experts of all but the best groups out of reach.
  private func close(_ ranked: inout [Float]) {
    let size = ranked.count / configuration.groupCount
    let merits = (0..<configuration.groupCount).map { group -> Float in
      let members = ranked[(group * size)..<((group + 1) * size)].sorted(by: >)
      switch configuration.groupRanking {
      case .best: return members.first ?? 0
      case .bestTwo: return members.prefix(2).reduce(0, +)
      }
    }
    let open = Set(Self.largest(configuration.groupsPerToken, of: merits))
    for index in ranked.indices where !open.contains(index / size) { ranked[index] = -.infinity }
  }

  /// Indices of the `count` largest values, best first; the lower index on a tie.
  private static func largest(_ count: Int, of values: [Float]) -> [Int] {
    Array(values.indices.sorted { (values[$0], $1) > (values[$1], $0) }.prefix(count))
  }
}
