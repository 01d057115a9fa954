import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Requests to one hub: where the token goes, which redirects are followed, what an answer means.
struct HubConnection: Sendable {
  /// Which redirects of a request are followed.
  enum Redirects {
    /// Only those that stay at the hub: the headers of the hub itself are wanted.
    case withinHub
    case all
  }

  /// An answer, and what the hub said about the file on the way to it.
  struct Reply {
    var answer: HTTPAnswer
    /// The `X-Linked-Etag` of the hub's redirect.
    var linkedETag: String?
    /// Whether the answer is the hub's own, not that of a host it has sent us to.
    var isFromHub: Bool
  }

  let settings: HubSettings
  let retryPolicy: RetryPolicy
  let transport: HTTPTransport
  private let silence: TimeInterval

  private static let redirectLimit = 10
  /// How long the hub itself may keep silent where only its headers or a list are wanted, in seconds.
  private static let patience: TimeInterval = 15

  init(settings: HubSettings, retryPolicy: RetryPolicy, silence: TimeInterval) {
    self.settings = settings
    self.retryPolicy = retryPolicy
    self.silence = silence
    transport = HTTPTransport(silence: silence)
  }

  /// A URL of the hub; the path is escaped already.
  func url(_ path: String) throws -> URL {
    guard let url = URL(string: settings.endpoint.absoluteString + path) else {
      throw CheckpointError(.badAnswer, "\(settings.origin) has no address \(path)")
    }
    return url
  }

  /// Sends one request, along its redirects.
  ///
  /// An answer that is short must begin soon. The token goes to the hub's scheme, host and port, and nowhere else.
  ///
  /// - Throws: `TransientFailure` if another attempt may succeed, `CheckpointError`, `CancellationError`,
  ///   `HTTPStream.Overrun` never: that comes from reading the body.
  func send(
    _ method: String, _ start: URL, headers: [String: String] = [:], redirects: Redirects = .all, isShort: Bool = false
  ) async throws -> Reply {
    var url = start
    var linkedETag: String?
    for _ in 0...Self.redirectLimit {
      guard let origin = WebOrigin(url) else {
        throw CheckpointError(.badAnswer, "\(settings.origin) redirects to something that is no web address")
      }
      let isFromHub = origin == settings.origin
      var request = URLRequest(url: url)
      request.httpMethod = method
      for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
      if isShort { request.timeoutInterval = min(Self.patience, silence) }
      // Lengths and ranges count the bytes of the file, not of a compressed form.
      request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
      request.setValue("vptq", forHTTPHeaderField: "User-Agent")
      if isFromHub, let token = settings.token {
        request.setValue(token.header, forHTTPHeaderField: "Authorization")
      }
      let answer: HTTPAnswer
      do {
        answer = try await transport.send(request)
      } catch let error as URLError {
        throw try Self.failure(error, at: origin)
      }
      if isFromHub { linkedETag = linkedETag ?? answer.header("X-Linked-Etag") }
      let reply = Reply(answer: answer, linkedETag: linkedETag, isFromHub: isFromHub)
      guard [301, 302, 303, 307, 308].contains(answer.status) else {
        try Self.checkOverload(answer, at: origin)
        return reply
      }
      guard let location = answer.header("Location"), let target = URL(string: location, relativeTo: url)?.absoluteURL,
        let next = WebOrigin(target)
      else { throw CheckpointError(.badAnswer, "\(origin) redirects to something that is no web address") }
      if origin.scheme == "https", next.scheme == "http" {
        throw CheckpointError(.badAnswer, "\(origin) redirects to \(next), which is not encrypted")
      }
      if redirects == .withinHub, next != settings.origin { return reply }
      url = target
    }
    throw CheckpointError(.badAnswer, "\(settings.origin) redirects more than \(Self.redirectLimit) times")
  }

  /// Does `work` until it succeeds, or fails for good, or all attempts are used.
  func retrying<Result>(attempts: Int? = nil, _ work: () async throws -> Result) async throws -> Result {
    var policy = retryPolicy
    policy.attempts = min(policy.attempts, attempts ?? .max)
    var retries = Retries(policy)
    while true {
      do {
        return try await work()
      } catch let failure as TransientFailure {
        try await retries.pause(after: failure)
      }
    }
  }

  /// What a failed transfer means.
  static func failure(_ error: URLError, at origin: WebOrigin) throws -> any Error {
    switch error.code {
    case .cancelled where Task.isCancelled: return CancellationError()
    case .serverCertificateUntrusted, .serverCertificateHasBadDate, .serverCertificateNotYetValid,
      .serverCertificateHasUnknownRoot, .secureConnectionFailed, .clientCertificateRejected:
      return CheckpointError(
        .unreachable, "\(origin) cannot be trusted (\(reason(error))): check the clock and the installed certificates")
    case .badURL, .unsupportedURL:
      return CheckpointError(.badAnswer, "\(origin) does not answer in HTTP")
    default:
      return TransientFailure(message: "\(origin) cannot be reached: \(reason(error))")
    }
  }

  private static func reason(_ error: URLError) -> String {
    switch error.code {
    case .cannotFindHost, .dnsLookupFailed: "there is no such host, or no network"
    case .cannotConnectToHost: "it refuses the connection"
    case .timedOut: "it does not answer"
    case .networkConnectionLost: "the connection broke"
    case .notConnectedToInternet: "there is no network"
    case .badServerResponse: "it closes the connection without an answer"
    case .secureConnectionFailed: "no secure connection"
    case .serverCertificateUntrusted, .serverCertificateHasUnknownRoot: "its certificate is not trusted"
    case .serverCertificateHasBadDate, .serverCertificateNotYetValid: "its certificate is out of date"
    default: Self.printable(error.localizedDescription)
    }
  }

  private static func checkOverload(_ answer: HTTPAnswer, at origin: WebOrigin) throws {
    guard answer.status == 429 || answer.status == 408 || (500...599).contains(answer.status) else { return }
    let reason = answer.status == 429 ? "asks for fewer requests" : "has a problem of its own"
    throw TransientFailure(
      message: "\(origin) \(reason) (HTTP \(answer.status))",
      askedWait: answer.header("Retry-After").flatMap(retryDelay))
  }

  /// The wait that a `Retry-After` header asks for: seconds, or a date (RFC 9110, section 10.2.3).
  static func retryDelay(_ header: String) -> Duration? {
    if let seconds = Int(header) { return .seconds(min(max(0, seconds), 1 << 31)) }
    let parser = DateFormatter()
    parser.locale = Locale(identifier: "en_US_POSIX")
    parser.timeZone = TimeZone(secondsFromGMT: 0)
    parser.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    return parser.date(from: header).map { .seconds(max(0, min($0.timeIntervalSinceNow, 1e9))) }
  }
}
