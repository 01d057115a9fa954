import Foundation

/// A proxy as a variable names it: `[SCHEME://][NAME:PASSWORD@]HOST[:PORT]`.
struct WebProxy: Hashable, Sendable {
  enum Kind { case http, socks5 }

  /// How a request gets to a server.
  enum Route: Hashable, Sendable {
    case direct
    /// The proxy opens a connection (`CONNECT`, SOCKS 5) and sees only what is not encrypted.
    case tunnel(WebProxy)
    /// The proxy gets the whole request and sends it itself.
    case forward(WebProxy)

    var proxy: WebProxy? {
      switch self {
      case .direct: nil
      case .tunnel(let proxy), .forward(let proxy): proxy
      }
    }
  }

  let kind: Kind
  let host: String
  let port: Int
  let authorization: AccessToken?

  /// Reads the value of `variable`; without a scheme it is an HTTP proxy, without a port the port is 1080, as in curl.
  ///
  /// - Throws: `CheckpointError` (`unsupported`) for other kinds of proxies, which names the variable only: its value may
  ///   have a password.
  init(_ text: String, variable: String) throws {
    let address = URLComponents(string: text.contains("://") ? text : "http://" + text)
    guard let address, let host = address.host, !host.isEmpty, (1...65_535).contains(address.port ?? 1080) else {
      throw CheckpointError(.unsupported, "\(variable) is no address of a proxy like http://proxy.example:3128")
    }
    switch address.scheme?.lowercased() {
    case "http": kind = .http
    case "socks5" where address.user == nil, "socks5h" where address.user == nil: kind = .socks5
    default:
      throw CheckpointError(
        .unsupported,
        "\(variable) names a proxy of a kind that is not supported: it must be http:// or, without a password, socks5://"
      )
    }
    self.host = host.trimmingCharacters(in: ["[", "]"])
    port = address.port ?? 1080
    authorization = address.user.map { AccessToken(name: $0, password: address.password ?? "") }
  }
}
