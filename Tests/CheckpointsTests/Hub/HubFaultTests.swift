import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Checkpoints

@Suite("A hub that breaks, lies and changes")
struct HubFaultTests {
  private let file = "model.safetensors"

  @Test("A connection that breaks again and again: the parts are put together, none is sent twice")
  func broken() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    for _ in 0..<10 { scene.hub.disturb(file, { _, answer in answer.cut = 25_000 }) }
    let snapshot = try await scene.pull()
    #expect(scene.isWhole(snapshot))
    #expect(snapshot.downloadedBytes == snapshot.bytes)
    #expect(scene.weightRequests.map(\.rangeStart) == [nil] + (1...10).map { $0 * 25_000 })
    // The tag of the host that sends the bytes, not the hub's.
    let tag = "\"store-\(FakeHub.File(HubScene.weights, isLarge: true).tag.prefix(8))\""
    #expect(scene.weightRequests.dropFirst().allSatisfy { $0.headers["if-range"] == tag })
  }

  @Test("A connection that brings nothing, again and again, ends in an error; what has arrived is kept")
  func dead() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.disturb(file, { _, answer in answer.cut = 25_000 })
    for _ in 0..<4 { scene.hub.disturb(file, { _, answer in answer.cut = 0 }) }
    let error = await scene.failure()
    #expect(error?.code == .unreachable)
    #expect(error?.message.contains("(4 attempts)") == true)
    #expect(try scene.entries().contains { $0.key.hasSuffix(".incomplete") && $0.value == "25000 bytes" })
    #expect(scene.isWhole(try await scene.pull()))
    #expect(scene.weightRequests.last?.rangeStart == 25_000)
  }

  @Test("A silent connection counts as broken")
  func silent() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    // Longer than a busy machine may keep the client from looking at its clock.
    scene.hub.disturb(file, { _, answer in answer.pause = 30_000_000 })
    #expect(scene.isWhole(try await scene.pull(silence: 1)))
    #expect(scene.weightRequests.last?.rangeStart == 1 << 16)
  }

  @Test("A slow connection does not count as broken")
  func slow() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.disturb(file, { _, answer in answer.pause = 600_000 })
    #expect(scene.isWhole(try await scene.pull(silence: 20)))
    #expect(scene.weightRequests.count == 1)
  }

  @Test("A reader that is slower than the limit for silence breaks nothing")
  func slowReader() async throws {
    let large = [
      "config.json": FakeHub.File([1]), file: FakeHub.File([UInt8](repeating: 7, count: 8 << 20), isLarge: true),
    ]
    let scene = try HubScene(large)
    defer { scene.remove() }
    #expect(scene.isWhole(try await scene.pull(silence: 1, progress: SlowListener()), large))
    #expect(scene.weightRequests.count == 1)
  }

  @Test(
    "A part that is no continuation starts over: a whole file, another tag, another place, another length, 416",
    arguments: 0..<5)
  func restarts(kind: Int) async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    let faults: [FakeHub.Fault] = [
      { _, answer in answer = LocalServer.Answer(200, headers: answer.headers, body: HubScene.weights) },
      { _, answer in answer.headers["ETag"] = "\"other\"" },
      { _, answer in answer.headers["Content-Range"] = "bytes 0-299999/300000" },
      { _, answer in answer.headers["Content-Range"] = "bytes 1000-299999/300001" },
      { _, answer in answer = LocalServer.Answer(416) },
    ]
    scene.hub.disturb(file, { _, answer in answer.cut = 1000 }, faults[kind])
    #expect(scene.isWhole(try await scene.pull()))
    #expect(scene.weightRequests.count == (kind == 0 ? 2 : 3))
    #expect(scene.weightRequests.map(\.rangeStart) == (kind == 0 ? [nil, 1000] : [nil, 1000, nil]))
  }

  @Test("A server without ranges is asked again from the start, and not without end")
  func noRanges() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    let whole: FakeHub.Fault = { _, answer in
      answer = LocalServer.Answer(200, headers: answer.headers, body: HubScene.weights)
    }
    let cut: FakeHub.Fault = { request, answer in
      whole(request, &answer)
      answer.cut = 1000
    }
    scene.hub.disturb(file, cut, cut, whole)
    #expect(scene.isWhole(try await scene.pull()))
    let second = try HubScene()
    defer { second.remove() }
    second.hub.disturb(file, cut, cut, cut, cut, cut)
    #expect(await second.failure()?.code == .unreachable)
  }

  @Test("Bytes of another file that an earlier run has left are found out by the checksum, and replaced")
  func foreignPart() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    let blobs = scene.repository.appendingPathComponent("blobs")
    try FileManager.default.createDirectory(at: blobs, withIntermediateDirectories: true)
    for (name, length) in [("model.safetensors", 5000), ("tokenizer.json", 1 << 20)] {
      let tag = try #require(HubScene.model[name]).tag
      try Data(repeating: 7, count: length).write(to: blobs.appendingPathComponent(tag + ".incomplete"))
    }
    #expect(scene.isWhole(try await scene.pull()))
    #expect(scene.weightRequests.map(\.rangeStart) == [5000, nil])
  }

  @Test("A file that changes at the hub between two parts is downloaded as it is now")
  func changed() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    let changed = FakeHub.File(Array(String(repeating: "{\"changed\": 1}", count: 30_000).utf8))
    scene.hub.disturb(
      "tokenizer.json",
      { [hub = scene.hub] _, answer in
        answer.cut = 70_000
        hub.state.withLock { $0.files["tokenizer.json"] = changed }
      })
    let snapshot = try await scene.pull()
    var expected = HubScene.model
    expected["tokenizer.json"] = changed
    #expect(scene.isWhole(snapshot, expected))
  }

  @Test("Wrong bytes of the right length never get the name of the blob: by SHA-256, and as a git object")
  func damaged() async throws {
    for path in ["model.safetensors", "tokenizer.json"] {
      let scene = try HubScene()
      defer { scene.remove() }
      scene.hub.disturb(path, { _, answer in answer.body[99] ^= 1 })
      let error = await scene.failure()
      #expect(error?.code == .damagedDownload)
      #expect(error?.message.contains(path) == true)
      let tag = try #require(HubScene.model[path]).tag
      #expect(try scene.entries().keys.allSatisfy { !$0.contains(tag) })
      #expect(scene.isWhole(try await scene.pull()))
    }
  }

  @Test("A whole file of another length than promised is refused; a part that ends early is followed by the rest")
  func lengths() async throws {
    for body in [HubScene.weights + [1], HubScene.weights.dropLast()] {
      let scene = try HubScene()
      defer { scene.remove() }
      for _ in 0..<4 { scene.hub.disturb(file, { _, answer in answer.body = body }) }
      let error = await scene.failure()
      #expect(error?.code == .unreachable)
      #expect(error?.message.contains("is to have 300000 bytes, but \(body.count) are sent") == true)
      scene.hub.disturb(
        file, { _, answer in answer.cut = 100 }, { _, answer in answer.body = [UInt8](answer.body.prefix(50)) })
      #expect(scene.isWhole(try await scene.pull()))
      #expect(scene.weightRequests.suffix(3).map(\.rangeStart) == [nil, 100, 150])
    }
  }

  @Test("More bytes than the headers promised are not written")
  func endless() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    for _ in 0..<4 {
      scene.hub.disturb(
        file,
        { _, answer in
          answer.body += [UInt8](repeating: 1, count: 1 << 20)
          answer.headers["Content-Encoding"] = "identity, none"
        })
    }
    let error = await scene.failure()
    #expect(error?.code == .unreachable)
    #expect(try scene.entries().allSatisfy { !$0.key.contains(".incomplete") || $0.value == "" })
  }

  @Test("500, 503 and 429 are asked again, after the wait that the hub wants; the wait has a bound")
  func overload() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.disturb(
      "listing", { _, answer in answer = LocalServer.Answer(500) },
      { _, answer in answer = LocalServer.Answer(429, headers: ["Retry-After": "1"]) })
    scene.hub.disturb(file, { _, answer in answer = LocalServer.Answer(503) })
    let start = ContinuousClock.now
    #expect(scene.isWhole(try await scene.pull()))
    #expect(start.duration(to: .now) >= .seconds(1))
    let other = try HubScene()
    defer { other.remove() }
    other.hub.disturb("listing", { _, answer in answer = LocalServer.Answer(429, headers: ["Retry-After": "3600"]) })
    let error = await other.failure()
    #expect(error?.code == .unreachable)
    #expect(error?.message.contains("3600 s") == true)
    #expect(other.hub.requests.count == 1)
  }

  @Test("Malformed, endless and hostile listings are refused, and nothing is written")
  func listings() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.disturb(
      "listing", { _, answer in answer.body = Array("{\"sha\": ".utf8) },
      { _, answer in answer.body = [UInt8](repeating: UInt8(ascii: " "), count: 33 << 20) },
      { _, answer in answer.body = Array(String(repeating: "[", count: 100_000).utf8) })
    for _ in 0..<3 { #expect(await scene.failure()?.code == .badAnswer) }
    for path in ["../x", "/etc/x", "a\\b", "a/../../../x", "a\u{0}b", "a\u{1B}[2Jb"] {
      scene.hub.state.withLock { $0.listedPaths = [path] }
      let error = await scene.failure("org/name", HubSelection(include: ["*"]))
      #expect(error?.code == .badAnswer)
      #expect(error?.message.utf8.contains(0x1B) == false)
    }
    #expect(try scene.entries().isEmpty)
  }

  @Test("Headers without a tag, with a tag that is a path, without a length, or of another commit are refused")
  func headers() async throws {
    let changes: [FakeHub.Fault] = [
      { _, answer in answer.headers["ETag"] = nil }, { _, answer in answer.headers["ETag"] = "\"../../x\"" },
      { _, answer in answer.headers["X-Repo-Commit"] = String(repeating: "f", count: 40) },
    ]
    for change in changes {
      let scene = try HubScene(["config.json": FakeHub.File([1])])
      defer { scene.remove() }
      scene.hub.state.withLock { state in
        state.always = { request, answer in if request.method == "HEAD" { change(request, &answer) } }
      }
      #expect(await scene.failure("org/name", HubSelection(include: ["*"]))?.code == .badAnswer)
    }
  }
}
