import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Sends requests and hands out answers whose bodies are read while they arrive, no faster than they are taken.
///
/// Redirects are never followed here: they are answers like others. Bodies stay as they were sent.
final class HTTPTransport: Sendable {
  private let proxies: ProxyRules
  private let configuration: HTTPClient.Configuration
  private let silence: TimeAmount
  private let clients = Mutex<[WebProxy.Route: HTTPClient]>([:])

  /// A transport that trusts the certificates in `certificateFile`, or those of the system.
  ///
  /// `silence` is how long an answer may send nothing before it counts as broken, in seconds.
  init(proxies: ProxyRules, certificateFile: String?, silence: TimeInterval) {
    self.proxies = proxies
    self.silence = TimeAmount(silence)
    var trust = TLSConfiguration.makeClientConfiguration()
    if let certificateFile { trust.trustRoots = .file(certificateFile) }
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: trust, redirectConfiguration: .disallow,
      timeout: .init(connect: self.silence),
      connectionPool: .init(idleTimeout: .seconds(30), concurrentHTTP1ConnectionsPerHostSoftLimit: 8),
      decompression: .disabled)
    // Whether and when to try again is decided where it is known what for.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    self.configuration = configuration
  }

  // A client shuts down on its own threads, and lives until it has.
  deinit { for client in clients.withLock({ Array($0.values) }) { client.shutdown { _ in } } }

  /// Sends a request and waits for the head of its answer, for at most `patience` seconds.
  ///
  /// - Throws: `HTTPFailure`; `CheckpointError` (`unsupported`) for a proxy that cannot be used; `CancellationError`.
  func send(_ method: String, _ url: URL, headers: [String: String], patience: TimeInterval) async throws -> HTTPAnswer
  {
    guard let origin = WebOrigin(url) else { throw HTTPFailure.badAddress }
    let route = try proxies.route(to: origin)
    var request = HTTPClientRequest(url: url.absoluteString)
    request.method = HTTPMethod(rawValue: method)
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    if case .forward(let proxy) = route { proxy.redirect(&request, to: origin, url) }
    do {
      let response = try await client(for: route).execute(request, deadline: .now() + TimeAmount(patience))
      return HTTPAnswer(response, of: self)
    } catch {
      throw HTTPFailure.cause(of: error, isInHead: true)
    }
  }

  private func client(for route: WebProxy.Route) -> HTTPClient {
    clients.withLock { clients in
      if let client = clients[route] { return client }
      var configuration = configuration
      if case .tunnel(let proxy) = route { configuration.proxy = proxy.tunnel }
      configuration.http1_1ConnectionDebugInitializer = { [silence] channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(SilenceWatch(limit: silence), position: .first)
          if case .forward = route {
            try pipeline.addHandler(
              AbsoluteTarget(), position: .after(try pipeline.handler(type: HTTPRequestEncoder.self)))
          }
        }
      }
      // The same sockets and the same TLS on every system.
      let client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
      clients[route] = client
      return client
    }
  }
}

extension TimeAmount {
  fileprivate init(_ seconds: TimeInterval) { self = .nanoseconds(Int64(seconds * 1e9)) }
}
