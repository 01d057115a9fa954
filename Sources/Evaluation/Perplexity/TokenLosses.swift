import CKernels
import Foundation
import LanguageModels
import Tensors

/// What one row of logits says about the token that follows.
struct TokenScore: Sendable, Equatable {
  /// `−log p(target)`, natural logarithm.
  let loss: Double
  /// The most likely token; of equal ones the first.
  let best: Int
}

/// Losses of single predictions.
enum TokenLosses {
  /// Scores of some rows, computed by all threads.
  static func of(_ logits: Logits, targets: [(row: Int, token: Int)]) -> [TokenScore] {
    let width = logits.vocabularySize
    var scores = [TokenScore](repeating: TokenScore(loss: 0, best: 0), count: targets.count)
    scores.withUnsafeMutableBufferPointer { scores in
      logits.values.withUnsafeBufferPointer { values in
        guard let result = scores.baseAddress, let base = values.baseAddress else { return }
        parallelFor(targets.count) { index in
          let (row, token) = targets[index]
          let line = base + row * width
          let logarithm = LogitRow(line, count: width)
          result[index] = TokenScore(loss: logarithm.normalizer - Double(line[token]), best: logarithm.best)
        }
      }
    }
    return scores
  }
}

/// A row of logits: its largest entry and the logarithm of its sum of exponentials.
struct LogitRow {
  /// The index of the largest logit; of equal ones the first.
  let best: Int
  /// `log Σ exp(logit)`; no number if a logit is none.
  let normalizer: Double

  init(_ line: UnsafePointer<Float>, count: Int) {
    let best = Self.largest(line, count: count)
    self.best = best
    normalizer = withScratch(count: count) { probabilities in
      probabilities.update(from: line, count: count)
      ck_active().pointee.softmax(probabilities, count)
      // p(best) = 1 / Σ exp(logit − best logit), and never tiny.
      return Double(line[best]) - log(Double(probabilities[best]))
    }
  }

  /// The first index of the largest value.
  static func largest(_ line: UnsafePointer<Float>, count: Int) -> Int {
    // The largest value of blocks by lanes, then the first index that holds it.
    let lanes = 16
    let whole = count / lanes * lanes
    var highest = -Float.infinity
    if whole > 0 {
      let raw = UnsafeRawPointer(line)
      var most = raw.loadUnaligned(as: SIMD16<Float>.self)
      var offset = lanes
      while offset < whole {
        let next = raw.loadUnaligned(fromByteOffset: offset * 4, as: SIMD16<Float>.self)
        most.replace(with: next, where: next .> most)
        offset += lanes
      }
      highest = most.max()
    }
    for index in whole..<count where line[index] > highest { highest = line[index] }
    for index in 0..<count where line[index] == highest { return index }
    return 0
  }
}
