import Foundation
import TestSupport
import Testing

@testable import Checkpoints

@Suite("Proxies, by the rules of curl 8 (its manual page, and lib/noproxy.c)")
struct HubProxyTests {
  private func route(_ url: String, _ environment: [String: String]) throws -> WebProxy.Route {
    let origin = try #require(URL(string: url).flatMap(WebOrigin.init))
    return try ProxyRules(environment: environment).route(to: origin)
  }

  @Test(
    "Each scheme has its variable, small letters come first, `all_proxy` last, HTTP_PROXY and empty ones do not count")
  func variables() throws {
    let all = [
      "http_proxy": "one:1", "HTTP_PROXY": "two:2", "https_proxy": "three:3", "HTTPS_PROXY": "four:4",
      "all_proxy": "five:5",
      "ALL_PROXY": "six:6",
    ]
    func host(_ url: String, without names: String...) throws -> String? {
      try route(url, all.merging(names.map { ($0, "") }) { $1 }).proxy?.host
    }
    #expect(try host("http://a/") == "one")
    #expect(try host("http://a/", without: "http_proxy") == "five")
    #expect(try host("http://a/", without: "http_proxy", "all_proxy") == "six")
    #expect(try host("https://a/") == "three")
    #expect(try host("https://a/", without: "https_proxy") == "four")
    #expect(try host("https://a/", without: "https_proxy", "HTTPS_PROXY") == "five")
    #expect(try route("https://a/", ["http_proxy": "one"]) == .direct)
  }

  @Test("An address has a scheme, a name with a password, a host and a port, and none of them but the host is needed")
  func addresses() throws {
    let proxy = try WebProxy("http://me%40x:pass%3A@proxy.example:3128/", variable: "x")
    #expect(proxy.host == "proxy.example" && proxy.port == 3128 && proxy.kind == .http)
    // `me@x:pass:` in base64.
    #expect(proxy.authorization?.header == "Basic bWVAeDpwYXNzOg==")
    #expect(try WebProxy("proxy", variable: "x").port == 1080)
    #expect(try WebProxy("[::1]:3128", variable: "x").host == "::1")
    #expect(try WebProxy("socks5h://proxy:9", variable: "x").kind == .socks5)
    for address in [
      "https://proxy:1", "socks4://proxy", "socks5://me:secret@proxy", "http://", "http://me:secret@:9", "a:0",
    ] {
      #expect {
        try WebProxy(address, variable: "all_proxy")
      } throws: { error in
        let error = error as? CheckpointError
        return error?.code == .unsupported && error?.message.hasPrefix("all_proxy") == true
          && error?.message.contains("secret") == false
      }
    }
  }

  @Test("What is not encrypted is handed to an HTTP proxy; the rest goes through it")
  func ways() throws {
    let proxy = try WebProxy("http://p:1", variable: "x")
    let socks = try WebProxy("socks5://p:1", variable: "x")
    #expect(try route("http://a/", ["all_proxy": "http://p:1"]) == .forward(proxy))
    #expect(try route("https://a/", ["all_proxy": "http://p:1"]) == .tunnel(proxy))
    #expect(try route("http://a/", ["all_proxy": "socks5://p:1"]) == .tunnel(socks))
  }

  @Test(
    "no_proxy: names with their subdomains, addresses, ranges; a star only alone",
    arguments: [
      ("example.com", "http://example.com/", true), ("example.com", "http://www.example.com:81/", true),
      ("example.com", "http://nonexample.com/", false), (".example.com", "http://example.com/", true),
      ("a.b, EXAMPLE.com.", "http://www.Example.com./", true), ("a b", "http://b/", true), ("*", "http://a/", true),
      ("*,b", "http://a/", false), ("127.0.0.1", "http://127.0.0.1:9/", true), ("0.0.1", "http://127.0.0.1/", false),
      ("192.168.0.0/16", "http://192.168.3.4/", true), ("192.168.0.0/16", "http://192.169.3.4/", false),
      ("10.0.0.0/9", "http://10.127.0.1/", true), ("10.0.0.0/9", "http://10.128.0.1/", false),
      ("10.0.0.0/33", "http://10.0.0.0/", false), ("10.0.0.0/x", "http://10.0.0.0/", false),
      ("::1", "http://[::1]:80/", true), ("fe80::/10", "http://[febf::1]/", true),
      ("fe80::/10", "http://[fec0::1]/", false),
      ("", "http://a/", false), (".", "http://a/", false),
    ])
  func exceptions(list: String, url: String, isDirect: Bool) throws {
    for name in ["no_proxy", "NO_PROXY"] {
      #expect(try (route(url, ["all_proxy": "http://p:1", name: list]) == .direct) == isDirect)
    }
  }

  @Test("An HTTP proxy gets the whole address of what is not encrypted, and its own password")
  func forward() async throws {
    let scene = try HubScene()
    let proxy = try LocalServer { _ in LocalServer.Answer(404, headers: ["X-Error-Code": "RevisionNotFound"]) }
    defer { scene.remove() }
    let address = proxy.address.replacingOccurrences(of: "//", with: "//me:secret@")
    let error = await scene.failure(
      environment: ["HF_ENDPOINT": "http://hub.example:81", "http_proxy": address, "HF_TOKEN": "hf_token"])
    #expect(error?.code == .notFound)
    let request = try #require(proxy.requests.first)
    #expect(request.target == "http://hub.example:81/api/models/org/name/revision/main")
    #expect(request.headers["host"] == "hub.example:81")
    #expect(request.headers["authorization"] == "Bearer hf_token")
    // `me:secret` in base64.
    #expect(request.headers["proxy-authorization"] == "Basic bWU6c2VjcmV0")
  }

  @Test("An HTTP proxy opens the way to what is encrypted, and sees no token; it may refuse", arguments: [407, 403])
  func tunnel(status: Int) async throws {
    let scene = try HubScene()
    let proxy = try LocalServer { _ in LocalServer.Answer(status) }
    defer { scene.remove() }
    let address = proxy.address.replacingOccurrences(of: "//", with: "//me:secret@")
    let error = await scene.failure(
      environment: ["HF_ENDPOINT": "https://hub.example", "https_proxy": address, "HF_TOKEN": "hf_token"], attempts: 1)
    let reason = status == 407 ? "wants a name and a password" : "does not let the connection through"
    #expect(error?.code == .unreachable)
    #expect(
      error?.message
        == "https://hub.example cannot be reached through the proxy 127.0.0.1:\(proxy.port): the proxy \(reason)")
    let request = try #require(proxy.requests.first)
    #expect(request.method == "CONNECT" && request.target == "hub.example:443")
    #expect(request.headers["proxy-authorization"] == "Basic bWU6c2VjcmV0")
    #expect(request.headers["authorization"] == nil)
  }

  @Test(
    "A proxy that breaks the rules of its protocol is named in the error", arguments: ["http", "socks5"],
    HubMalformedTests.heads)
  func malformed(scheme: String, answer: HubMalformedTests.Case) async throws {
    let scene = try HubScene()
    let proxy = try LocalServer(readsRequests: false) { _ in LocalServer.Answer(raw: answer.sent) }
    defer { scene.remove() }
    let error = await scene.failure(
      environment: ["HF_ENDPOINT": "https://hub.example", "https_proxy": "\(scheme)://127.0.0.1:\(proxy.port)"],
      attempts: 2, silence: 1)
    #expect(error?.code == .unreachable)
    let start = "https://hub.example cannot be reached through the proxy 127.0.0.1:\(proxy.port): "
    #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
    #expect(error?.message.hasSuffix(" (2 attempts)") == true)
  }

  @Test("A proxy that cannot be used is an error where it is needed")
  func unsupported() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    let error = await scene.failure(environment: ["no_proxy": "", "http_proxy": "socks4://127.0.0.1:1"])
    #expect(error?.code == .unsupported)
    #expect(scene.isWhole(try await scene.pull(environment: ["http_proxy": "socks4://127.0.0.1:1"])))
  }

  @Test("The password of a proxy shows itself in no description")
  func secret() throws {
    let settings = try HubSettings(environment: [
      "all_proxy": "http://me:secret@proxy", "http_proxy": "ftp://me:secret@p",
    ])
    var dumped = ""
    dump(settings, to: &dumped)
    for text in ["\(settings)", String(reflecting: settings), dumped] {
      #expect(!text.contains("secret") && !text.contains("bWU6c2VjcmV0"))
    }
  }
}
