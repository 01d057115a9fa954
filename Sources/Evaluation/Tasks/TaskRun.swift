import JSONReader
import LanguageModels
import Tensors

/// One task with one model: items in batches that begin alike.
struct TaskRun {
  let task: EvaluationTask
  let items: [TaskItem]
  /// Of each item.
  let requests: [[TokenRequest]]
  let model: any CausalLanguageModel
  let tokensPerPass: Int

  /// Tokens of a batch that are computed, about: the more, the fewer passes are left half empty; but what a batch has done is lost
  /// when it is interrupted, so that slow models get less. Scores do not depend on it.
  private static let tokensPerBatch = 512...3072
  /// What a batch should take.
  private static let secondsPerBatch = 4.0
  /// Bytes of keys and values of a batch.
  private static let cacheBytes = 1 << 29

  /// The scores of each item's requests.
  func scores(
    _ modelFingerprint: String, _ checkpoint: EvaluationCheckpoint?, _ progress: any ProgressListener,
    _ isCancelled: () -> Bool
  ) throws -> [[ContinuationScore]] {
    let part = "task \(task.name)"
    var scores = [[ContinuationScore]?](repeating: nil, count: items.count)
    if let checkpoint {
      for record in try checkpoint.records(of: part, fingerprint: "\(modelFingerprint) \(fingerprint)") {
        guard let (item, score) = read(record) else {
          throw EvaluationError(.mismatch, "the checkpoint \(checkpoint.path) is damaged; remove it")
        }
        scores[item] = score
      }
    }
    let scorer = SequenceScorer(model: model, tokensPerPass: tokensPerPass)
    var done = scores.count { $0 != nil }
    progress.report(task.name, completed: done, total: items.count, unit: .items("items"))
    var rest = sorted(items.indices.filter { scores[$0] == nil })[...]
    var limit = Self.tokensPerBatch.lowerBound
    while !rest.isEmpty {
      let start = ContinuousClock.now
      let (batch, tokens) = nextBatch(&rest, upTo: limit)
      var results = try scorer.scores(batch.flatMap { requests[$0] }, isCancelled: isCancelled)[...]
      for item in batch {
        let own = Array(results.prefix(requests[item].count))
        results = results.dropFirst(own.count)
        scores[item] = own
        try checkpoint?.append(record(item, own), to: part)
      }
      done += batch.count
      let rate = Double(tokens) / max(1e-3, Double(start.duration(to: .now) / .seconds(1)))
      let bounds = Self.tokensPerBatch
      limit = Int(min(Double(bounds.upperBound), max(Double(bounds.lowerBound), rate * Self.secondsPerBatch)))
      progress.report(task.name, completed: done, total: items.count, unit: .items("items"))
    }
    return scores.compactMap(\.self)
  }

  /// Items that begin alike lie side by side, so that what they share is computed once.
  private func sorted(_ pending: [Int]) -> [Int] {
    pending.sorted { left, right in
      let (a, b) = (requests[left][0].tokens, requests[right][0].tokens)
      return a == b ? left < right : a.lexicographicallyPrecedes(b)
    }
  }

  /// Takes the next items, at least one, of about `limit` tokens; also tells about how many tokens are computed for them.
  private func nextBatch(_ rest: inout ArraySlice<Int>, upTo limit: Int) -> (items: [Int], tokens: Int) {
    let positionBytes = max(1, KeyValueCache.bytesPerPosition(model.configuration.blocks, form: model.cacheForm))
    var batch: [Int] = []
    var (tokens, bytes) = (0, 0)
    var before: [Int] = []
    while let item = rest.first {
      let own = requests[item]
      // Each choice adds its continuation to the context, of which some is known from the item before.
      let first = own[0].tokens
      let new =
        first.count - zip(before, first).prefix { $0 == $1 }.count
        + own.dropFirst().reduce(0) { $0 + $1.continuationCount }
      let held = positionBytes * own.reduce(0) { $0 + $1.tokens.count }
      if !batch.isEmpty, tokens + new > limit || bytes + held > Self.cacheBytes { break }
      batch.append(item)
      rest.removeFirst()
      tokens += new
      bytes += held
      before = first
    }
    return (batch, tokens)
  }

  /// A digest of all requests.
  private var fingerprint: String {
    var print = Fingerprint()
    for request in requests.joined() {
      print.add(request.continuationCount)
      for token in request.tokens { print.add(token) }
    }
    return print.text
  }

  private func record(_ item: Int, _ scores: [ContinuationScore]) -> JSONValue {
    .object([
      ("item", .integer(item)), ("log_likelihoods", .array(scores.map { .number($0.logLikelihood) })),
      ("is_greedy", .array(scores.map { .bool($0.isGreedy) })),
    ])
  }

  private func read(_ record: JSONValue) -> (item: Int, scores: [ContinuationScore])? {
    guard let item = record["item"]?.intValue, items.indices.contains(item),
      let values = record["log_likelihoods"]?.arrayValue?.compactMap(\.doubleValue),
      let greedy = record["is_greedy"]?.arrayValue?.compactMap(\.boolValue), values.count == requests[item].count,
      greedy.count == values.count
    else { return nil }
    return (item, zip(values, greedy).map { ContinuationScore(logLikelihood: $0, isGreedy: $1) })
  }
}
