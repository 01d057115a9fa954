import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

extension WebProxy {
  /// Makes a client open its connections through the proxy.
  var tunnel: HTTPClient.Configuration.Proxy {
    switch kind {
    case .socks5: .socksServer(host: host, port: port)
    case .http: .server(host: host, port: port, authorization: authorization.map { .basic(credentials: $0.value) })
    }
  }

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
final class AbsoluteTarget: ChannelOutboundHandler {
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
