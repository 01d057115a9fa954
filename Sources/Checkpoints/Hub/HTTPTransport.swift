import Foundation
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Sends requests and hands out answers whose bodies are read while they arrive.
///
/// Redirects are never followed here: they are answers like others. Known: the URLSession of swift-corelibs-foundation (6.3)
/// ends the process if an unencrypted connection closes within the head of an answer; encrypted ones report an error.
final class HTTPTransport: Sendable {
  private let session: URLSession
  private let delegate = Delegate()
  private let queue = DeliveryQueue()

  /// `silence` is how long an answer may send nothing before it counts as broken, in seconds of at least 1.
  init(silence: TimeInterval) {
    let configuration = URLSessionConfiguration.ephemeral
    configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
    configuration.urlCache = nil
    configuration.httpShouldSetCookies = false
    configuration.httpCookieAcceptPolicy = .never
    configuration.timeoutIntervalForRequest = silence
    configuration.httpMaximumConnectionsPerHost = 8
    session = URLSession(configuration: configuration, delegate: delegate, delegateQueue: queue)
  }

  // Every stream cancels its own task.
  deinit { session.finishTasksAndInvalidate() }

  /// Sends a request and waits for the head of its answer.
  ///
  /// - Throws: `URLError`, `CancellationError`.
  func send(_ request: URLRequest) async throws -> HTTPAnswer {
    let task = session.dataTask(with: request)
    let stream = HTTPStream(task, queue: queue)
    delegate.register(stream, for: task.taskIdentifier)
    var events = stream.events.makeAsyncIterator()
    task.resume()
    while let event = try await events.next() {
      if case .head(let response) = event {
        return HTTPAnswer(response, stream: stream, rest: events)
      }
    }
    try Task.checkCancellation()
    throw URLError(.badServerResponse)
  }

  /// Passes on what the session reports to the stream it belongs to.
  private final class Delegate: NSObject, URLSessionDataDelegate, Sendable {
    private let streams = Mutex<[Int: HTTPStream]>([:])

    func register(_ stream: HTTPStream, for task: Int) {
      streams.withLock { $0[task] = stream }
    }

    private func stream(_ task: URLSessionTask) -> HTTPStream? {
      streams.withLock { $0[task.taskIdentifier] }
    }

    func urlSession(
      _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
      newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
    ) {
      #if canImport(FoundationNetworking)
        // A cancelled task no longer waits, and swift-corelibs-foundation ends the process if it gets the answer.
        if stream(task)?.isCancelled ?? true { return }
      #endif
      completionHandler(nil)
    }

    func urlSession(
      _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
      completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
      stream(dataTask)?.receive(response)
      completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
      stream(dataTask)?.receive(data)
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
      let stream = streams.withLock { $0.removeValue(forKey: task.taskIdentifier) }
      // A redirect without a target is not reported as an answer by every system.
      if error == nil, let response = task.response { stream?.receive(response) }
      stream?.finish(error)
    }
  }
}
