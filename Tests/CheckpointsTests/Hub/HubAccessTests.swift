import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Checkpoints

@Suite("Tokens, redirects and refusals of a hub")
struct HubAccessTests {
  private static let token = ["HF_TOKEN": "hf_secret"]

  @Test("The token goes with every request to the hub, and with none to the host that it redirects to")
  func token() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.state.withLock { $0.token = "hf_secret" }
    #expect(scene.isWhole(try await scene.pull(environment: Self.token)))
    #expect(scene.hub.requests.allSatisfy { $0.headers["authorization"] == "Bearer hf_secret" })
    #expect(!scene.hub.storeRequests.isEmpty)
    #expect(scene.hub.storeRequests.allSatisfy { $0.headers["authorization"] == nil })
    #expect(scene.hub.storeRequests.allSatisfy { $0.target.hasSuffix("?signature=secret") })
  }

  @Test("A gated model, a missing model, a missing revision and a denied one: what to do, without the token")
  func refusals() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.state.withLock { $0.token = "other" }
    let gated = await scene.failure(environment: Self.token)
    #expect(gated?.code == .accessDenied)
    #expect(gated?.message.contains("accept its terms at \(scene.hub.address)/org/name") == true)
    #expect(gated?.message.contains("HF_TOKEN") == true)
    #expect(gated?.message.contains("hf_secret") == false)
    scene.hub.state.withLock { $0.token = nil }
    let missing = await scene.failure("org/other")
    #expect(missing?.code == .notFound)
    #expect(missing?.message.contains("there is no model org/other") == true)
    let revision = await scene.failure("org/name@v9")
    #expect(revision?.code == .notFound)
    #expect(revision?.message.contains("has no revision v9") == true)
    #expect(scene.hub.requests.count == 3)
    let answers: [(LocalServer.Answer, CheckpointError.Code, String)] = [
      (LocalServer.Answer(401), .notFound, "if the model is private, set HF_TOKEN"),
      (
        LocalServer.Answer(403, headers: ["X-Error-Message": "no\u{9B}"]), .accessDenied,
        "denies access to org/name (no)"
      ),
      (LocalServer.Answer(418), .badAnswer, "HTTP 418"),
    ]
    for (answer, code, text) in answers {
      scene.hub.state.withLock { $0.always = { $1 = answer } }
      let error = await scene.failure()
      #expect(error?.code == code)
      #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
    }
    scene.hub.state.withLock {
      $0.always = { $1 = LocalServer.Answer(401, headers: ["X-Error-Message": "Invalid credentials in header"]) }
    }
    #expect(await scene.failure(environment: Self.token)?.message.contains("renew HF_TOKEN") == true)
  }

  @Test("A renamed model: a relative redirect is followed, with the token")
  func renamed() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.state.withLock { state in
      state.token = "hf_secret"
      state.always = { request, answer in
        guard request.target.contains("/org/old/") else { return }
        let target = request.target.replacingOccurrences(of: "/org/old/", with: "/org/name/")
        answer = LocalServer.Answer(307, headers: ["Location": target])
      }
    }
    #expect(scene.isWhole(try await scene.pull("org/old", environment: Self.token)))
  }

  @Test(
    "Redirects in a circle, to a file, to nothing and to no host end in an error",
    arguments: ["SELF", "file:///etc/passwd", "", "ftp://127.0.0.1/x", "http:///x", "http://[::/", "data:,x"])
  func badRedirects(target: String) async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.state.withLock { state in
      state.always = { request, answer in
        answer = LocalServer.Answer(302, headers: ["Location": target == "SELF" ? request.target : target])
      }
    }
    #expect(await scene.failure()?.code == .badAnswer)
    #expect(scene.hub.requests.count <= 11)
  }

  @Test("A redirect that carries the request elsewhere and back does not carry the token elsewhere")
  func detour() async throws {
    let scene = try HubScene()
    let other = try LocalServer { [address = scene.hub.address] request in
      LocalServer.Answer(302, headers: ["Location": address + request.target])
    }
    defer { scene.remove() }
    scene.hub.state.withLock { state in
      state.always = { [address = other.address] request, answer in
        if request.target.hasPrefix("/api/"), !request.target.hasSuffix("?back") {
          answer = LocalServer.Answer(302, headers: ["Location": address + request.target + "?back"])
        }
      }
    }
    _ = await scene.failure(environment: Self.token)
    #expect(!other.requests.isEmpty)
    #expect(other.requests.allSatisfy { $0.headers["authorization"] == nil })
  }
}
