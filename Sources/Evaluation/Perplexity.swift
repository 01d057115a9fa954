import CKernels
import Foundation
public import LanguageModels
public import Tensors

/// Perplexity by the field's convention: one joined text, consecutive windows without overlap, the remainder dropped.
///
/// `exp(−mean log p(token | tokens before it in its window))` over the `context − 1` predictions of every window (over
/// `context` predictions where a begin token stands before each window). A text shorter than one window is one window.
public struct Perplexity: Sendable {
  /// What was measured, with everything that the number depends on.
  public struct Result: Sendable {
    /// The perplexity.
    public let value: Double
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
    /// Mean negative log-probability of each window, natural logarithm.
    public let windowLosses: [Double]
  }

  /// Tokens of the text in one window.
  public var context: Int
  /// The most windows; nil: all.
  public var windowLimit: Int?
  /// Put before every window, if given.
  public var beginTokenID: Int?

  /// Tokens in one forward pass, whose logits are held at once; 1 measures the path that decoding takes.
  public var tokensPerPass = 128

  /// A measurement with windows of `context` tokens.
  public init(context: Int = 2048, windowLimit: Int? = nil, beginTokenID: Int? = nil) {
    self.context = context
    self.windowLimit = windowLimit
    self.beginTokenID = beginTokenID
  }

  /// Measures `model` on the ids of a text.
  ///
  /// - Throws: `EvaluationError` for a text of fewer than two tokens or a context the model does not have, what the
  ///   model's forward pass throws, or `CancellationError`.
  public func measure(
    _ model: any CausalLanguageModel, on ids: [Int], progress: any ProgressListener = SilentProgress(),
    isCancelled: () -> Bool = { false }
  ) throws -> Result {
    let prefix = beginTokenID.map { [$0] } ?? []
    guard context >= 2, context + prefix.count <= model.configuration.maximumPositions else {
      throw EvaluationError(
        .invalidOption,
        "a context of \(context) tokens is not possible; this model takes 2 to "
          + "\(model.configuration.maximumPositions - prefix.count)")
    }
    guard ids.count >= 2 else {
      throw EvaluationError(.textTooShort, "the text has \(ids.count) tokens; perplexity needs at least 2")
    }
    guard tokensPerPass >= 1 else { throw EvaluationError(.invalidOption, "tokens per pass must be at least 1") }
    let length = min(context, ids.count)
    let available = ids.count / length
    let count = min(windowLimit ?? available, available)
    guard count >= 1 else { throw EvaluationError(.invalidOption, "the number of windows must be at least 1") }
    var losses: [Double] = []
    for window in 0..<count {
      if isCancelled() { throw CancellationError() }
      let tokens = prefix + ids[(window * length)..<((window + 1) * length)]
      losses.append(try loss(model, tokens))
      progress.report("perplexity", completed: window + 1, total: count, unit: .items("windows"))
    }
    let predictions = length + prefix.count - 1
    let mean = losses.reduce(0, +) / Double(count)
    guard mean.isFinite else { throw EvaluationError(.notFinite, "the model's logits are not numbers") }
    return Result(
      value: exp(mean), tokens: predictions * count, windows: count, context: length, stride: length,
      bos: !prefix.isEmpty, droppedTokens: ids.count - count * length, windowLosses: losses)
  }

  /// The mean negative log-probability of every token after the first.
  private func loss(_ model: any CausalLanguageModel, _ tokens: [Int]) throws -> Double {
    let cache = model.makeCache(capacity: tokens.count)
    var sum = 0.0
    for first in Swift.stride(from: 0, to: tokens.count, by: tokensPerPass) {
      let end = min(first + tokensPerPass, tokens.count)
      let logits = try model.forward([Segment(tokens: Array(tokens[first..<end]), cache: cache)], logits: .all)
      let scored = min(end, tokens.count - 1) - first
      guard scored > 0 else { continue }
      sum += TokenLosses.of(logits, targets: Array(tokens[(first + 1)..<(first + 1 + scored)])).reduce(0, +)
    }
    return sum / Double(tokens.count - 1)
  }
}

/// Losses of single predictions.
enum TokenLosses {
  /// `log Σ exp(logits) − logits[target]` of the first `targets.count` rows, natural logarithm.
  static func of(_ logits: Logits, targets: [Int]) -> [Double] {
    let width = logits.vocabularySize
    var losses = [Double](repeating: 0, count: targets.count)
    losses.withUnsafeMutableBufferPointer { losses in
      logits.values.withUnsafeBufferPointer { values in
        guard let result = losses.baseAddress, let base = values.baseAddress else { return }
        parallelFor(targets.count) { row in
          let line = base + row * width
          // softmax of a copy gives p(target) without a second pass of exponentials in scalar code.
          withScratch(count: width) { probabilities in
            probabilities.update(from: line, count: width)
            let best = (0..<width).max { line[$0] < line[$1] } ?? 0
            ck_active().pointee.softmax(probabilities, width)
            // log p(target) = log p(best) − (logit(best) − logit(target)); p(best) is never tiny.
            result[row] = Double(line[best]) - Double(line[targets[row]]) - log(Double(probabilities[best]))
          }
        }
      }
    }
    return losses
  }
}
