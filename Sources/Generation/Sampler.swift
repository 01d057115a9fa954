import Foundation
import Tensors

/// Draws the tokens of one sequence.
///
/// The same options, seed and logits give the same tokens on every machine: each draw uses one number of a
/// counter-based stream.
public struct Sampler: Sendable {
  /// A token that may be drawn and its unnormalised probability; the most likely token has weight 1.
  package struct Candidate: Sendable, Equatable {
    package let id: Int
    package let weight: Double
  }

  /// The checked options.
  public let options: SamplingOptions
  private let vocabularySize: Int
  private var random: CounterRandom
  private var seen: Set<Int> = []
  private var replyCounts: [Int: Int] = [:]

  /// A sampler for one sequence.
  ///
  /// - Parameters:
  ///   - stream: tells apart sequences that share a seed.
  /// - Throws: `GenerationError` (`invalidOption`).
  public init(_ options: SamplingOptions, vocabularySize: Int, stream: UInt64 = 0) throws {
    try options.validate(vocabularySize: vocabularySize)
    self.options = options
    self.vocabularySize = vocabularySize
    random = CounterRandom(seed: options.seed ?? .random(in: .min ... .max), stream: stream)
  }

  /// Tells the repetition penalty which tokens the prompt holds.
  public mutating func observe(prompt: [Int]) {
    if options.repetitionPenalty != 1 { seen.formUnion(prompt) }
  }

  /// Draws the next token and counts it for the penalties.
  ///
  /// - Parameter logits: one row, as wide as the vocabulary.
  /// - Throws: `GenerationError` (`noDistribution`) if a logit is NaN or +infinity, or every token is excluded.
  public mutating func next(_ logits: ArraySlice<Float>) throws -> Int {
    let candidates = try candidates(logits)
    let id = candidates.count == 1 ? candidates[0].id : draw(candidates)
    count(id)
    return id
  }

  /// Draws the next token among those that `isAllowed` accepts; nil if it accepts none.
  ///
  /// Tokens are drawn as by `next` until one is accepted; if the options leave none that is, all tokens are tried in the order of
  /// their likelihood.
  ///
  /// - Throws: `GenerationError` (`noDistribution`) if a logit is NaN or +infinity, or every token is excluded.
  public mutating func next(_ logits: ArraySlice<Float>, where isAllowed: (Int) -> Bool) throws -> Int? {
    var candidates = try candidates(logits)
    var chosen: Int?
    while chosen == nil, !candidates.isEmpty {
      let id = candidates.count == 1 ? candidates[0].id : draw(candidates)
      if isAllowed(id) { chosen = id }
      candidates.removeAll { $0.id == id }
    }
    if chosen == nil {
      let row = penalized(logits)
      let order = row.indices.sorted { (row[$0], $1) > (row[$1], $0) }
      chosen = order.lazy.map { $0 - row.startIndex }.first {
        row[row.startIndex + $0] > -.infinity && isAllowed($0)
      }
    }
    guard let id = chosen else { return nil }
    count(id)
    return id
  }

  private mutating func count(_ id: Int) {
    if options.repetitionPenalty != 1 { seen.insert(id) }
    if options.presencePenalty != 0 || options.frequencyPenalty != 0 { replyCounts[id, default: 0] += 1 }
  }

  private mutating func draw(_ candidates: [Candidate]) -> Int {
    let target = random.uniform() * candidates.reduce(0) { $0 + $1.weight }
    var cumulative = 0.0
    for candidate in candidates {
      cumulative += candidate.weight
      if target < cumulative { return candidate.id }
    }
    return candidates[candidates.count - 1].id
  }

  /// The tokens that the options leave, with their weights after temperature.
  package func candidates(_ logits: ArraySlice<Float>) throws -> [Candidate] {
    precondition(logits.count == vocabularySize)
    let adjusted = penalized(logits)
    let best = try Self.argmax(adjusted)
    if options.temperature < SamplingOptions.greedyThreshold { return [Candidate(id: best, weight: 1)] }
    let maximum = Double(adjusted[adjusted.startIndex + best])
    var floor = -Float.infinity
    if options.topK > 0, options.topK < adjusted.count { floor = kthLargest(adjusted, options.topK) }
    var kept: [Candidate] = []
    for (id, logit) in adjusted.enumerated() where logit >= floor {
      let weight = exp((Double(logit) - maximum) / options.temperature)
      if weight > 0 { kept.append(Candidate(id: id, weight: weight)) }
    }
    if options.typicalP < 1 { kept = Self.typical(kept, options.typicalP) }
    if options.topP < 1 { kept = Self.nucleus(kept, options.topP) }
    if options.minP > 0 {
      let top = kept.reduce(0) { max($0, $1.weight) }
      kept.removeAll { $0.weight < options.minP * top }
    }
    return kept
  }

  private func penalized(_ logits: ArraySlice<Float>) -> ArraySlice<Float> {
    if seen.isEmpty, replyCounts.isEmpty, options.logitBias.isEmpty { return logits }
    var row = Array(logits)
    for id in seen where row.indices.contains(id) {
      let penalty = Float(options.repetitionPenalty)
      row[id] = row[id] > 0 ? row[id] / penalty : row[id] * penalty
    }
    for (id, count) in replyCounts {
      row[id] -= Float(options.presencePenalty + options.frequencyPenalty * Double(count))
    }
    for (id, bias) in options.logitBias {
      row[id] = bias == -100 ? -.infinity : row[id] + Float(bias)
    }
    return row[...]
  }

  /// The fewest candidates that hold the share `share` of the weight, those first whose surprise is nearest to the entropy.
  private static func typical(_ candidates: [Candidate], _ share: Double) -> [Candidate] {
    let total = candidates.reduce(0) { $0 + $1.weight }
    let entropy = candidates.reduce(0) { $0 - $1.weight / total * log($1.weight / total) }
    let sorted = candidates.map { (candidate: $0, distance: abs(-log($0.weight / total) - entropy)) }.sorted {
      $0.distance != $1.distance ? $0.distance < $1.distance : $0.candidate.id < $1.candidate.id
    }
    var cumulative = 0.0
    let end = sorted.firstIndex { entry in
      if cumulative >= share * total { return true }
      cumulative += entry.candidate.weight
      return false
    }
    return sorted[..<max(1, end ?? sorted.count)].map(\.candidate)
  }

  /// The fewest most likely candidates that hold the share `share` of the weight, most likely first.
  private static func nucleus(_ candidates: [Candidate], _ share: Double) -> [Candidate] {
    let total = candidates.reduce(0) { $0 + $1.weight }
    // Candidates below this weight hold less than 1 - share together, so none of them can be needed.
    let negligible = (1 - share) * total / Double(candidates.count)
    var sorted = candidates.filter { $0.weight >= negligible || $0.weight == 1 }
    sorted.sort { $0.weight != $1.weight ? $0.weight > $1.weight : $0.id < $1.id }
    var cumulative = 0.0
    let end = sorted.firstIndex { candidate in
      if cumulative >= share * total { return true }
      cumulative += candidate.weight
      return false
    }
    return Array(sorted[..<max(1, end ?? sorted.count)])
  }

  /// The lowest position of the largest logit.
  ///
  /// - Throws: `GenerationError` (`noDistribution`).
  package static func argmax(_ logits: ArraySlice<Float>) throws -> Int {
    var best = -1
    var maximum = -Float.infinity
    var hasNaN = false
    for (id, logit) in logits.enumerated() {
      if logit.isNaN { hasNaN = true }
      if logit > maximum {
        maximum = logit
        best = id
      }
    }
    guard !hasNaN, maximum < .infinity else {
      throw GenerationError(.noDistribution, "the model's logits hold NaN or infinity; its weights may be damaged")
    }
    guard best >= 0 else {
      throw GenerationError(
        .noDistribution, "no token can be drawn: every logit is -infinity; allow some token in logitBias")
    }
    return best
  }
}

/// The `k`-th largest value, counting repeats, with `k` in `1...values.count`.
private func kthLargest(_ values: ArraySlice<Float>, _ k: Int) -> Float {
  // A heap of the k largest values so far, the smallest on top.
  var heap = Array(values.prefix(k))
  func sink(_ start: Int) {
    var parent = start
    while true {
      var child = 2 * parent + 1
      if child >= k { return }
      if child + 1 < k, heap[child + 1] < heap[child] { child += 1 }
      if heap[parent] <= heap[child] { return }
      heap.swapAt(parent, child)
      parent = child
    }
  }
  for start in stride(from: k / 2 - 1, through: 0, by: -1) { sink(start) }
  for value in values.dropFirst(k) where value > heap[0] {
    heap[0] = value
    sink(0)
  }
  return heap[0]
}
