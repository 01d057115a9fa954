import Synchronization

/// Working memory of one call of `encode`, with the words that earlier calls have met.
final class EncodingScratch: @unchecked Sendable {
  // One call at a time owns a value; `ScratchPool` hands it out under a lock.
  var model = TokenModel.Scratch()
  var cache = WordCache()
  var tokens: [WordToken] = []
  var pieces: [Range<Int>] = []
}

/// The working memories of a tokenizer that no call uses now.
final class ScratchPool: Sendable {
  private let free = Mutex<[EncodingScratch]>([])

  /// Calls `body` with a working memory of its own.
  func with<Result>(_ body: (EncodingScratch) throws -> Result) rethrows -> Result {
    let scratch = free.withLock { $0.popLast() } ?? EncodingScratch()
    defer { free.withLock { $0.append(scratch) } }
    return try body(scratch)
  }
}
