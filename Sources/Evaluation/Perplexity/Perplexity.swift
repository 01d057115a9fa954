import Foundation
import JSONReader
public import LanguageModels
public import Tensors

/// Perplexity of a text: `exp(−mean log p(token | tokens before it in its window))`.
///
/// By default as the field does it: one joined text, consecutive windows without overlap, the remainder dropped, the first token of
/// a window not scored unless a begin token stands before it. With a `stride` below the context, windows overlap and every
/// token of the text but the first is scored once, with at least `context − stride` tokens before it. A text shorter than one
/// window is one window.
public struct Perplexity: Sendable {
  /// Tokens of the text in one window.
  public var context: Int
  /// Tokens from the start of one window to the start of the next; nil: `context`.
  public var stride: Int?
  /// The most windows; nil: all.
  public var windowLimit: Int?
  /// Put before every window, if given.
  public var beginTokenID: Int?

  /// Tokens in one forward pass, whose logits are held at once; 1 measures the path that decoding takes.
  public var tokensPerPass = 128

  /// A measurement with windows of `context` tokens.
  public init(context: Int = 2048, stride: Int? = nil, windowLimit: Int? = nil, beginTokenID: Int? = nil) {
    self.context = context
    self.stride = stride
    self.windowLimit = windowLimit
    self.beginTokenID = beginTokenID
  }

  /// Measures `model` on the ids of a text.
  ///
  /// - Parameters:
  ///   - comparison: what the model is compared with, and where its logits are kept; nothing by default.
  ///   - checkpoint: takes up finished windows of an interrupted run and keeps those of this one. The result has the same bits as that
  ///     of a run without interruption.
  /// - Throws: `EvaluationError` for a text of fewer than two tokens or a context the model does not have, what the
  ///   model's forward pass throws, or `CancellationError`.
  public func measure(
    _ model: any CausalLanguageModel, on ids: [Int], comparison: LogitsComparison = LogitsComparison(),
    checkpoint: EvaluationCheckpoint? = nil, progress: any ProgressListener = SilentProgress(),
    isCancelled: () -> Bool = { false }
  ) throws -> PerplexityResult {
    let plan = try windows(of: ids, model.configuration)
    let part = "perplexity"
    let text = Self.fingerprint(of: ids)
    let fingerprint =
      "\(text), \(plan.windows.count) windows of \(context), stride \(stride ?? context), begin \(beginTokenID ?? -1), "
      + "\(tokensPerPass) a pass, \(comparison.fingerprint)"
    var scores = try checkpoint.map { try Self.finished($0, of: part, fingerprint: fingerprint) } ?? []
    scores.removeLast(max(0, scores.count - plan.windows.count))
    let header = comparison.header(
      self, text: text, windows: plan.windows.count, length: plan.length, model.configuration)
    let reference = try comparison.open(header, model.configuration)
    let writer = try comparison.storePath.map { try LogitsWriter(path: $0, header: header, upTo: scores.count) }
    // Windows are done when both their scores and their logits are kept.
    if let writer { scores.removeLast(scores.count - writer.windows) }
    for index in scores.count..<plan.windows.count {
      if isCancelled() { throw CancellationError() }
      let window = try score(
        model, ids, plan.windows[index], index: index, reference: reference, writer: writer)
      try writer?.endWindow()
      try checkpoint?.append(.object([("window", .integer(index)), ("scores", window.json)]), to: part)
      scores.append(window)
      progress.report("perplexity", completed: index + 1, total: plan.windows.count, unit: .items("windows"))
    }
    let result = PerplexityResult(plan: plan, scores: scores, bos: beginTokenID != nil, textTokens: ids.count)
    guard result.meanLoss.isFinite, scores.allSatisfy({ $0.referenceLosses.allSatisfy(\.isFinite) }) else {
      throw EvaluationError(
        .notFinite, "the logits of the model\(reference == nil ? "" : ", or of the reference,") are not numbers")
    }
    try writer?.finish()
    return result
  }

  /// The windows from the first on that a checkpoint holds.
  private static func finished(
    _ checkpoint: EvaluationCheckpoint, of part: String, fingerprint: String
  ) throws -> [WindowScores] {
    var known: [Int: WindowScores] = [:]
    for record in try checkpoint.records(of: part, fingerprint: fingerprint) {
      guard let index = record["window"]?.intValue, let scores = record["scores"].flatMap(WindowScores.init) else {
        throw EvaluationError(.mismatch, "the checkpoint \(checkpoint.path) is damaged; remove it")
      }
      known[index] = scores
    }
    return (0...).lazy.prefix { known[$0] != nil }.compactMap { known[$0] }
  }

  /// Checks the options against text and model.
  private func windows(of ids: [Int], _ configuration: ModelConfiguration) throws -> TextWindows {
    let extra = beginTokenID == nil ? 0 : 1
    guard context >= 2, context + extra <= configuration.maximumPositions else {
      throw EvaluationError(
        .invalidOption,
        "a context of \(context) tokens is not possible; this model takes 2 to \(configuration.maximumPositions - extra)"
      )
    }
    guard ids.count >= 2 else {
      throw EvaluationError(.textTooShort, "the text has \(ids.count) tokens; perplexity needs at least 2")
    }
    let stride = stride ?? context
    guard (1...context).contains(stride) else {
      throw EvaluationError(.invalidOption, "a stride of \(stride) is not possible; it is 1 to the context, \(context)")
    }
    guard windowLimit ?? 1 >= 1 else {
      throw EvaluationError(.invalidOption, "the number of windows must be at least 1")
    }
    guard tokensPerPass >= 1 else { throw EvaluationError(.invalidOption, "tokens per pass must be at least 1") }
    let length = min(context, ids.count)
    return TextWindows(
      count: ids.count, length: length, stride: stride == context ? length : min(stride, length),
      hasBeginToken: beginTokenID != nil, limit: windowLimit)
  }

  /// A digest of a text.
  private static func fingerprint(of ids: [Int]) -> String {
    var print = Fingerprint()
    for id in ids { print.add(id) }
    return print.text
  }

  /// Runs one window in passes; logits are held for one pass, and only where they are scored.
  private func score(
    _ model: any CausalLanguageModel, _ ids: [Int], _ window: TextWindows.Window, index: Int,
    reference: (any ReferenceLogits)?, writer: LogitsWriter?
  ) throws -> WindowScores {
    let tokens = (beginTokenID.map { [$0] } ?? []) + ids[window.tokens]
    // The last token predicts nothing that is scored.
    let inputs = tokens.count - 1
    let firstRow = inputs - window.scored.count
    let cache = model.makeCache(capacity: inputs)
    try reference?.begin(window: index, tokens: inputs)
    var scores = WindowScores()
    for first in Swift.stride(from: 0, to: inputs, by: tokensPerPass) {
      let end = min(first + tokensPerPass, inputs)
      let rows = max(0, end - max(first, firstRow))
      let pass = Array(tokens[first..<end])
      let logits = try model.forward([Segment(tokens: pass, cache: cache)], logits: .final([rows]))
      let targets = Array(tokens[(end - rows + 1)..<(end + 1)])
      scores.losses += TokenLosses.of(logits, targets: targets.enumerated().map { ($0, $1) }).map { Float($0.loss) }
      if let reference {
        for row in try reference.compare(tokens: pass, with: logits, targets: targets) {
          scores.referenceLosses.append(Float(row.referenceLoss))
          scores.divergences.append(Float(row.divergence))
          scores.agreements.append(row.agrees ? 1 : 0)
        }
      }
      writer?.add(logits, targets: targets)
    }
    return scores
  }
}
