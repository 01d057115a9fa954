import Foundation
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// One answer on its way from the session, which pushes, to its reader, who pulls.
///
/// The session cannot be slowed down on every system. So an answer whose reader falls behind by more than `limit` bytes is
/// broken off; the reader gets what has arrived, then `Overrun`, and asks for the rest with a new request.
final class HTTPStream: Sendable {
  enum Event: Sendable {
    case head(HTTPURLResponse)
    case body(Data)
  }

  /// The reader was too slow, and the answer was broken off.
  struct Overrun: Error {}

  private struct State {
    var hasHead = false
    /// Handed to the reader, but not yet taken.
    var waitingBytes = 0
    var limit = 32 << 20
    var isOverrun = false
    var isCancelled = false
  }

  let events: AsyncThrowingStream<Event, any Error>
  private let continuation: AsyncThrowingStream<Event, any Error>.Continuation
  private let state = Mutex(State())
  private let task: URLSessionDataTask
  private let queue: DeliveryQueue

  init(_ task: URLSessionDataTask, queue: DeliveryQueue) {
    self.task = task
    self.queue = queue
    (events, continuation) = AsyncThrowingStream.makeStream()
    // A reader that goes away, or whose task is cancelled, ends the transfer.
    continuation.onTermination = { [weak self] termination in
      if case .cancelled = termination { self?.cancel() }
    }
  }

  func receive(_ response: URLResponse) {
    guard let response = response as? HTTPURLResponse else { return }
    let isFirst = state.withLock { state in
      defer { state.hasHead = true }
      return !state.hasHead
    }
    if isFirst { continuation.yield(.head(response)) }
  }

  func receive(_ data: Data) {
    let (isTaken, breaksOff) = state.withLock { state in
      if state.isOverrun { return (false, false) }
      state.waitingBytes += data.count
      state.isOverrun = state.waitingBytes > state.limit
      return (true, state.isOverrun)
    }
    if isTaken { continuation.yield(.body(data)) }
    if breaksOff { cancel() }
  }

  /// Whether the task has been cancelled; to be asked during a delivery.
  var isCancelled: Bool { state.withLock(\.isCancelled) }

  /// Ends the transfer between two deliveries. At any other time swift-corelibs-foundation may end the process: a task can
  /// be over already without saying so, or wait for an answer about a redirect.
  private func cancel() {
    queue.betweenDeliveries { [self] in
      state.withLock { $0.isCancelled = true }
      task.cancel()
    }
  }

  func finish(_ error: (any Error)?) {
    continuation.finish(throwing: state.withLock(\.isOverrun) ? Overrun() : error)
  }

  /// The reader has taken this many bytes.
  func took(_ count: Int) {
    state.withLock { $0.waitingBytes -= count }
  }

  /// Lets the answer run on however far its reader falls behind: for servers that cannot send the rest of a file.
  func liftLimit() {
    state.withLock { $0.limit = .max }
  }
}
