import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Which servers are asked through which proxy: the variables and rules of curl.
///
/// `http_proxy` (in lower case only), `https_proxy`, `all_proxy`, and `no_proxy` with what needs none: `*`, or names of hosts
/// that stand for their subdomains too, addresses, and ranges of addresses (`10.0.0.0/8`).
struct ProxyRules: Sendable {
  private let proxies: [String: Result<WebProxy, any Error>]
  private let exceptions: [String]
  private let exceptsAll: Bool

  init(environment: [String: String]) {
    func variable(_ names: String...) -> (name: String, value: String)? {
      for name in names { if let value = environment[name], !value.isEmpty { return (name, value) } }
      return nil
    }
    let found = [
      "http": variable("http_proxy", "all_proxy", "ALL_PROXY"),
      "https": variable("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
    ]
    proxies = found.compactMapValues { $0 }.mapValues { variable in
      Result { try WebProxy(variable.value, variable: variable.name) }
    }
    let list = variable("no_proxy", "NO_PROXY")?.value ?? ""
    exceptsAll = list == "*"
    exceptions = list.lowercased().split { $0 == "," || $0.isWhitespace }.map(String.init)
  }

  /// The way to a server.
  ///
  /// - Throws: `CheckpointError` (`unsupported`) if it leads through a proxy that cannot be used.
  func route(to origin: WebOrigin) throws -> WebProxy.Route {
    guard !isExcepted(origin.host), let proxy = try proxies[origin.scheme]?.get() else { return .direct }
    return proxy.kind == .http && origin.scheme == "http" ? .forward(proxy) : .tunnel(proxy)
  }

  private func isExcepted(_ name: String) -> Bool {
    if exceptsAll { return true }
    let host = name.trimmingCharacters(in: ["[", "]"])
    if let address = NetworkAddress(host) {
      return exceptions.contains { address.isIn($0) }
    }
    let trimmed = Self.withoutDots(host)
    return exceptions.contains { exception in
      let domain = Self.withoutDots(exception)
      return !domain.isEmpty && (trimmed == domain || trimmed.hasSuffix("." + domain))
    }
  }

  private static func withoutDots(_ name: String) -> String { name.trimmingCharacters(in: ["."]) }
}

/// An IPv4 or IPv6 address in the order of the network, 4 or 16 bytes.
private struct NetworkAddress {
  private let bytes: [UInt8]

  init?(_ text: String) {
    for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: count)
      if inet_pton(family, text, &bytes) == 1 {
        self.bytes = bytes
        return
      }
    }
    return nil
  }

  /// Whether it is an address, or in a range like `10.0.0.0/8`.
  func isIn(_ range: String) -> Bool {
    let parts = range.split(separator: "/", omittingEmptySubsequences: false)
    guard let first = parts.first, let start = Self(String(first)), start.bytes.count == bytes.count else {
      return false
    }
    let all = bytes.count * 8
    guard let bits = parts.count == 1 ? all : Int(parts[1]), parts.count <= 2, (0...all).contains(bits) else {
      return false
    }
    return zip(bytes, start.bytes).enumerated().allSatisfy { index, pair in
      let fixed = min(8, max(0, bits - index * 8))
      return (pair.0 ^ pair.1) >> (8 - fixed) == 0
    }
  }
}
