import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

extension WebProxy.Route {
  /// Makes a client take this way.
  func apply(to configuration: inout HTTPClient.Configuration) {
    switch self {
    case .direct: break
    case .tunnel(let proxy):
      configuration.proxy =
        switch proxy.kind {
        case .socks5: .socksServer(host: proxy.host, port: proxy.port)
        case .http:
          .server(
            host: proxy.host, port: proxy.port, authorization: proxy.authorization.map { .basic(credentials: $0.value) }
          )
        }
    case .forward:
      configuration.http1_1ConnectionDebugInitializer = { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(
            AbsoluteTarget(), position: .after(try pipeline.handler(type: HTTPRequestEncoder.self)))
        }
      }
    }
  }
}

extension WebProxy {
  /// Sends a request to the proxy that is meant for a server behind it; `AbsoluteTarget` does the rest.
  func redirect(_ request: inout HTTPClientRequest, to origin: WebOrigin, _ url: URL) {
    var address = URLComponents(url: url, resolvingAgainstBaseURL: true)
    address?.host = host.contains(":") ? "[\(host)]" : host
    address?.port = port
    request.url = address?.string ?? ""
    request.headers.replaceOrAdd(name: "Host", value: origin.authority)
    if let authorization { request.headers.replaceOrAdd(name: "Proxy-Authorization", value: authorization.header) }
  }
}

/// Names the server in the first line of a request, as proxies want it (RFC 9112, section 3.2.2).
private final class AbsoluteTarget: ChannelOutboundHandler {
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = HTTPClientRequestPart

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    var part = unwrapOutboundIn(data)
    if case .head(var head) = part, let server = head.headers.first(name: "Host") {
      head.uri = "http://\(server)\(head.uri)"
      part = .head(head)
    }
    context.write(wrapOutboundOut(part), promise: promise)
  }
}
