/// How often and after which waits a failed request is sent again.
struct RetryPolicy: Sendable {
  /// Requests without any progress before giving up.
  var attempts = 6
  /// The wait behind the first failure; it doubles with each one.
  var firstWait = Duration.seconds(1)
  /// The longest wait of our own choice.
  var longestWait = Duration.seconds(30)
  /// The longest wait that a server may ask for.
  var longestAskedWait = Duration.seconds(300)
}

/// A failure that another attempt may mend: a broken connection, an overloaded server.
struct TransientFailure: Error {
  let message: String
  /// What the server asked for (`Retry-After`).
  var askedWait: Duration?
}

/// Counts the attempts of one piece of work.
struct Retries {
  private let policy: RetryPolicy
  private var failures = 0

  init(_ policy: RetryPolicy) { self.policy = policy }

  /// Something was achieved: counting starts anew.
  mutating func reset() { failures = 0 }

  /// Waits before the next attempt.
  ///
  /// - Throws: `CheckpointError` (`unreachable`) if there is to be none; `CancellationError`.
  mutating func pause(after failure: TransientFailure) async throws {
    failures += 1
    guard failures < policy.attempts else {
      let count = failures == 1 ? "" : " (\(failures) attempts)"
      throw CheckpointError(.unreachable, failure.message + count)
    }
    let own = min(policy.longestWait, policy.firstWait * (1 << min(failures - 1, 16)))
    if let asked = failure.askedWait, asked > policy.longestAskedWait {
      throw CheckpointError(
        .unreachable, failure.message + "; it asks to wait \(asked.components.seconds) s: try again then")
    }
    try await Task.sleep(for: max(own, failure.askedWait ?? .zero))
  }
}
