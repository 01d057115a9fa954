/// The events of a reply as an engine makes it; the last one is `finished`.
///
/// The work ends soon after nobody holds the stream any more, after `cancel()`, or when the task that reads it is cancelled.
public final class ReplyStream: AsyncSequence, Sendable {
  /// What the stream is made of.
  public typealias Element = GenerationEvent

  private let events: AsyncThrowingStream<GenerationEvent, any Error>
  private let onCancel: @Sendable () -> Void

  init(_ events: AsyncThrowingStream<GenerationEvent, any Error>, onCancel: @escaping @Sendable () -> Void) {
    self.events = events
    self.onCancel = onCancel
  }

  deinit { onCancel() }

  /// Lets the work end; the stream then finishes with what there is.
  public func cancel() { onCancel() }

  /// Reads the events; there is one reader.
  public func makeAsyncIterator() -> AsyncThrowingStream<GenerationEvent, any Error>.Iterator {
    events.makeAsyncIterator()
  }

  /// Waits for the end.
  ///
  /// - Throws: what ended the reply; `CancellationError` where it never began.
  public func result() async throws -> GenerationResult {
    for try await event in self {
      if case .finished(let result) = event { return result }
    }
    throw CancellationError()
  }
}
