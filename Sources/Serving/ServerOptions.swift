/// How a server listens and what it allows.
public struct ServerOptions: Sendable {
  /// The address to listen at; loopback unless told otherwise.
  public var host = "127.0.0.1"
  /// The port; 0 takes a free one.
  public var port = 8080
  /// What requests must send as `Authorization: Bearer KEY`, if anything.
  public var apiKey: String?
  /// Origins whose pages may ask, or `*`; none unless given.
  public var allowedOrigins: [String] = []
  /// The most bytes of a request.
  public var maximumBodyBytes = 8 << 20
  /// Seconds in which a request must have arrived.
  public var bodySeconds = 30
  /// Seconds after which a connection without a request is closed.
  public var idleSeconds = 75
  /// Whether messages may spell control tokens.
  public var allowsControlTokens = false
  /// Whether every request is told to the log.
  public var logsRequests = true

  /// The defaults.
  public init() {}
}
