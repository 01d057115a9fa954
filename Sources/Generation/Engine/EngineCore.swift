import Foundation
import LanguageModels
import Tokenizers

/// The queue and the loop of an engine. `lock` guards what is declared below it; everything else belongs to the loop's thread.
final class EngineCore: @unchecked Sendable {
  private let model: any CausalLanguageModel
  private let tokenizer: Tokenizer?
  private let limits: EngineLimits
  private let contextLength: Int
  let endTokenIDs: Set<Int>

  private let lock = NSCondition()
  private var waiting: [Job] = []
  private var isStopped = false
  private var counts = EngineStatistics()

  /// Jobs that the loop works on, in the order of their arrival.
  private var active: [Job] = []
  private var prefixes: PrefixCache
  /// Chunks of prompts so far.
  private var turns = 0

  /// A request on its way.
  final class Job: @unchecked Sendable {
    let request: GenerationRequest
    let limit: Int
    let sampler: Sampler
    let continuation: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
    var sequence: GenerationSequence?
    /// When its prompt was last worked on.
    var turn = 0
    private let lock = NSLock()
    private var cancelled = false

    init(
      _ request: GenerationRequest, limit: Int, sampler: Sampler,
      _ continuation: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
    ) {
      self.request = request
      self.limit = limit
      self.sampler = sampler
      self.continuation = continuation
    }

    var isCancelled: Bool { lock.withLock { cancelled } }
    func cancel() { lock.withLock { cancelled = true } }
  }

  init(model: any CausalLanguageModel, tokenizer: Tokenizer?, limits: EngineLimits, contextLength: Int) {
    self.model = model
    self.tokenizer = tokenizer
    self.limits = limits
    self.contextLength = contextLength
    endTokenIDs = model.configuration.endTokenIDs.union(tokenizer?.eosIDs ?? [])
    prefixes = PrefixCache(byteLimit: limits.cacheBytes)
  }

  var statistics: EngineStatistics { lock.withLock { counts } }

  func submit(_ requests: [GenerationRequest]) throws -> [ReplyStream] {
    let vocabulary = model.configuration.vocabularySize
    let prepared = try requests.map { request in
      (
        request, try request.limit(vocabularySize: vocabulary, contextLength: contextLength),
        try Sampler(request.options.sampling, vocabularySize: vocabulary, stream: request.stream)
      )
    }
    var streams: [ReplyStream] = []
    let jobs = prepared.map { request, limit, sampler in
      let (events, continuation) = AsyncThrowingStream<GenerationEvent, any Error>.makeStream()
      let job = Job(request, limit: limit, sampler: sampler, continuation)
      let cancel: @Sendable () -> Void = { [weak self] in
        job.cancel()
        self?.wake()
      }
      continuation.onTermination = { _ in cancel() }
      streams.append(ReplyStream(events, onCancel: cancel))
      return job
    }
    try lock.withLock {
      guard !isStopped else { throw GenerationError(.stopped, "the engine has been stopped") }
      guard waiting.count + jobs.count <= limits.queue else {
        throw GenerationError(
          .queueFull, "\(waiting.count) requests are waiting, the limit is \(limits.queue); try again later")
      }
      waiting += jobs
      counts.queued = waiting.count
      lock.signal()
    }
    return streams
  }

  func stop() {
    lock.withLock {
      isStopped = true
      lock.broadcast()
    }
  }

  private func wake() { lock.withLock { lock.signal() } }

  /// Works until `stop`.
  func run() {
    while admit() {
      drop()
      computePrompt()
      computeReplies()
    }
    for job in active { end(job, .cancelled) }
  }

  /// Takes jobs from the queue as there is room, waits where there is nothing to do; false once the engine is stopped.
  private func admit() -> Bool {
    let (left, isWorking) = lock.withLock { () -> ([Job], Bool) in
      while active.isEmpty, waiting.isEmpty, !isStopped { lock.wait() }
      if isStopped {
        defer { waiting = [] }
        return (waiting, false)
      }
      while active.count < limits.parallel, !waiting.isEmpty { active.append(waiting.removeFirst()) }
      // Those that wait in vain leave at once, so that they keep nobody out.
      let left = waiting.filter(\.isCancelled)
      waiting.removeAll(where: \.isCancelled)
      counts.cancelled += left.count
      counts.active = active.count
      counts.queued = waiting.count
      return (left, true)
    }
    // Not under the lock: the end of a stream asks for it.
    for job in left { job.continuation.finish(throwing: CancellationError()) }
    return isWorking
  }

  /// Lets go of jobs whose reader went away.
  private func drop() {
    for job in active where job.isCancelled { end(job, .cancelled) }
  }

  /// Computes a chunk of one of the prompts that are not through, each in turn: a short one does not wait for a long one.
  private func computePrompt() {
    let newcomers = active.filter { $0.sequence?.isInPrompt ?? true }
    guard let job = newcomers.min(by: { $0.turn < $1.turn }) else { return }
    turns += 1
    job.turn = turns
    let start = ContinuousClock.now
    let sequence = job.sequence ?? begin(job)
    let segment = sequence.nextSegment(chunk: limits.promptChunk)
    attempt([job]) {
      let logits = try model.forward(
        [segment], logits: sequence.request(for: segment), grouping: .together)
      try sequence.accept(logits, segment: segment)
    }
    lock.withLock {
      counts.promptTokens += segment.tokens.count
      counts.promptSeconds += Double(start.duration(to: .now) / .seconds(1))
    }
    settle(job)
  }

  private func begin(_ job: Job) -> GenerationSequence {
    let prompt = job.request.prompt
    // Logits of the whole prompt need the whole prompt.
    let known =
      job.request.promptLogProbabilityCount == nil
      ? prefixes.beginning(
        of: prompt, capacity: prompt.count + job.limit, others: active.compactMap(\.sequence)) : nil
    let cache = known ?? model.makeCache(capacity: prompt.count + job.limit)
    lock.withLock { counts.cachedTokens += cache.count }
    let continuation = job.continuation
    let sequence = GenerationSequence(
      job.request, sampler: job.sampler, cache: cache, limit: job.limit, endTokenIDs: endTokenIDs,
      tokenizer: tokenizer
    ) { continuation.yield($0) }
    job.sequence = sequence
    return sequence
  }

  /// Computes one token of every reply.
  private func computeReplies() {
    let jobs = active.filter { $0.sequence.map { !$0.isInPrompt && $0.finishReason == nil } ?? false }
    guard !jobs.isEmpty else { return }
    let start = ContinuousClock.now
    let segments = jobs.compactMap { $0.sequence?.nextSegment(chunk: 1) }
    attempt(jobs) {
      let logits = try model.forward(segments, logits: .last, grouping: .alone)
      for (index, job) in jobs.enumerated() {
        attempt([job]) { try job.sequence?.accept(logits, firstRow: index, segment: segments[index]) }
      }
    }
    lock.withLock {
      counts.steps += 1
      counts.replyTokens += jobs.count
      counts.replySeconds += Double(start.duration(to: .now) / .seconds(1))
    }
    for job in jobs { settle(job) }
  }

  /// Runs `body`; what it throws ends these jobs and no others.
  private func attempt(_ jobs: [Job], _ body: () throws -> Void) {
    do {
      try body()
    } catch {
      for job in jobs {
        job.continuation.finish(throwing: error)
        leave(job)
        lock.withLock { counts.failed += 1 }
      }
    }
  }

  /// Ends a job whose reply is complete.
  private func settle(_ job: Job) {
    if let reason = job.sequence?.finishReason, active.contains(where: { $0 === job }) { end(job, reason) }
  }

  private func end(_ job: Job, _ reason: FinishReason) {
    leave(job)
    lock.withLock {
      if reason == .cancelled { counts.cancelled += 1 } else { counts.finished += 1 }
    }
    guard let sequence = job.sequence else { return job.continuation.finish(throwing: CancellationError()) }
    prefixes.keep(sequence.cache, promptCount: sequence.prompt.count)
    job.continuation.yield(.finished(sequence.finish(reason)))
    job.continuation.finish()
  }

  private func leave(_ job: Job) {
    active.removeAll { $0 === job }
    lock.withLock { counts.active = active.count }
  }
}
