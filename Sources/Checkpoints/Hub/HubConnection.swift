import Foundation

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
    /// Who answers.
    var origin: WebOrigin
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
    transport = HTTPTransport(
      proxies: settings.proxies, certificateFile: settings.certificateFile, silence: silence)
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
  /// - Throws: `TransientFailure` if another attempt may succeed, `CheckpointError`, `CancellationError`.
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
      var headers = headers
      // Lengths and ranges count the bytes of the file, not of a compressed form.
      headers["Accept-Encoding"] = "identity"
      headers["User-Agent"] = "vptq"
      if isFromHub, let token = settings.token { headers["Authorization"] = token.header }
      let answer: HTTPAnswer
      do {
        answer = try await transport.send(
          method, url, headers: headers, patience: isShort ? min(Self.patience, silence) : silence)
      } catch let error as HTTPFailure {
        throw failure(error, at: origin)
      }
      if isFromHub { linkedETag = linkedETag ?? answer.header("X-Linked-Etag") }
      let reply = Reply(answer: answer, linkedETag: linkedETag, origin: origin, isFromHub: isFromHub)
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
  func failure(_ failure: HTTPFailure, at origin: WebOrigin) -> any Error {
    func transient(_ reason: String) -> TransientFailure {
      let proxy = (try? settings.proxies.route(to: origin))?.proxy
      let way = proxy.map { " through the proxy \($0.host):\($0.port)" } ?? ""
      return TransientFailure(message: "\(origin) cannot be reached\(way): \(reason)")
    }
    func untrusted(_ reason: String) -> CheckpointError {
      CheckpointError(
        .unreachable, "\(origin) cannot be trusted (\(reason)): check the clock and the installed certificates")
    }
    return switch failure {
    case .badAddress: CheckpointError(.badAnswer, "\(origin) does not answer in HTTP")
    case .noSuchHost: transient("there is no such host, or no network")
    case .refused: transient("it refuses the connection")
    case .silent: transient("it does not answer")
    case .noAnswer: transient("it closes the connection without an answer")
    case .broken: transient("the connection broke")
    case .malformed: transient("its answer is no HTTP")
    case .badProxy(let reason): transient(reason)
    case .untrusted: untrusted("its certificate is not trusted")
    case .unencrypted: untrusted("no secure connection")
    case .unreadableCertificates:
      CheckpointError(
        .unreachable, "SSL_CERT_FILE is no readable file of certificates: \(settings.certificateFile ?? "")")
    case .other(let reason): transient(Self.printable(reason))
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
