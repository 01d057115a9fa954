import Foundation
import LanguageModels

/// The likelihood of a continuation.
struct ContinuationScore: Sendable, Equatable {
  /// `log p(continuation | context)`, natural logarithm.
  var logLikelihood = 0.0
  /// Whether each of its tokens is the most likely one.
  var isGreedy = true
}

/// Scores continuations of many sequences together; what sequences have in common at their beginning is computed once.
///
/// Tokens are computed together in passes of equal size. A token's values do not depend on the others, so the scores of a request
/// are the same bits in any company.
struct SequenceScorer {
  let model: any CausalLanguageModel
  /// Tokens in a forward pass.
  var tokensPerPass = 512
  /// Bytes of logits in a forward pass.
  private static let logitBytes = 1 << 26

  private var rowsPerPass: Int { max(1, Self.logitBytes / 4 / model.configuration.vocabularySize) }

  /// One part of a node in a pass.
  private struct Piece {
    let node: Int
    /// Offsets within the node.
    let tokens: Range<Int>
    /// The last tokens of the piece whose logits are needed.
    let rows: Int
  }

  /// Scores of requests, in their order.
  ///
  /// - Throws: `EvaluationError` (`notFinite`), or what the model's forward pass throws.
  func scores(_ requests: [TokenRequest], isCancelled: () -> Bool = { false }) throws -> [ContinuationScore] {
    let tree = ScoringTree(requests)
    var losses = requests.map { [Double](repeating: 0, count: $0.continuationCount) }
    var caches: [Int: KeyValueCache] = [:]
    var isGreedy = [Bool](repeating: true, count: requests.count)
    func run(_ pieces: [Piece]) throws {
      if isCancelled() { throw CancellationError() }
      for (target, score) in try self.run(pieces, tree, caches) {
        losses[target.request][target.place] = score.loss
        if score.best != target.token { isGreedy[target.request] = false }
      }
    }
    let levels = Dictionary(grouping: tree.nodes.indices) { tree.nodes[$0].level }
    for level in 0..<levels.count {
      var pieces: [Piece] = []
      var (tokens, rows) = (0, 0)
      for index in levels[level] ?? [] {
        caches[index] = cache(for: index, in: tree, &caches)
        let node = tree.nodes[index]
        let firstRow = node.firstRow
        var start = 0
        while start < node.tokens.count {
          var end = min(node.tokens.count, start + tokensPerPass - tokens)
          var needed = max(0, end - max(start, firstRow))
          let excess = needed - (rowsPerPass - rows)
          if excess > 0 {
            end -= excess
            needed -= excess
          }
          if end > start {
            pieces.append(Piece(node: index, tokens: start..<end, rows: needed))
            tokens += end - start
            rows += needed
            start = end
          }
          if tokens == tokensPerPass || rows == rowsPerPass {
            try run(pieces)
            (pieces, tokens, rows) = ([], 0, 0)
          }
        }
      }
      try run(pieces)
      if level > 0 { for index in levels[level - 1] ?? [] { caches[index] = nil } }
    }
    // Sums run in the order of the text, whatever the order of the computation.
    let scores = zip(losses, isGreedy).map { ContinuationScore(logLikelihood: -$0.reduce(0, +), isGreedy: $1) }
    guard scores.allSatisfy(\.logLikelihood.isFinite) else {
      throw EvaluationError(.notFinite, "the model's logits are not numbers")
    }
    return scores
  }

  /// A cache that holds what comes before a node. The last child goes on with its parent's.
  private func cache(for index: Int, in tree: ScoringTree, _ caches: inout [Int: KeyValueCache]) -> KeyValueCache {
    let node = tree.nodes[index]
    guard let parent = node.parent, let known = caches[parent] else { return model.makeCache(capacity: node.longest) }
    if tree.nodes[parent].children.last == index { return known }
    return known.copy(first: node.start, capacity: node.longest)
  }

  /// Runs pieces and scores the targets in them.
  private func run(
    _ pieces: [Piece], _ tree: ScoringTree, _ caches: [Int: KeyValueCache]
  ) throws -> [(ScoringTree.Target, TokenScore)] {
    guard !pieces.isEmpty else { return [] }
    let segments = pieces.compactMap { piece in
      caches[piece.node].map { cache in
        let tokens = tree.nodes[piece.node].tokens
        let first = tokens.startIndex
        return Segment(
          tokens: Array(tokens[(first + piece.tokens.lowerBound)..<(first + piece.tokens.upperBound)]), cache: cache)
      }
    }
    let logits = try model.forward(segments, logits: .final(pieces.map(\.rows)), grouping: .together)
    var targets: [ScoringTree.Target] = []
    var wanted: [(row: Int, token: Int)] = []
    var firstRow = 0
    for piece in pieces {
      let computed = (piece.tokens.upperBound - piece.rows)..<piece.tokens.upperBound
      for target in tree.nodes[piece.node].targets where computed.contains(target.offset) {
        targets.append(target)
        wanted.append((firstRow + target.offset - computed.lowerBound, target.token))
      }
      firstRow += piece.rows
    }
    return Array(zip(targets, TokenLosses.of(logits, targets: wanted)))
  }
}
