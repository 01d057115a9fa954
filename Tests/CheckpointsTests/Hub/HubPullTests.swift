import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Checkpoints

@Suite("Pulling from a hub")
struct HubPullTests {
  private static let commit = String(repeating: "0123456789", count: 4)

  @Test("The cache is laid out as PyPI huggingface_hub 0.36.2 does (compared with its folders once)")
  func layout() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    let report = LastReport()
    let snapshot = try await scene.pull(progress: report)
    #expect(snapshot.path == scene.repository.appendingPathComponent("snapshots/\(Self.commit)").path)
    #expect(snapshot.commit == Self.commit)
    #expect(scene.isWhole(snapshot))
    let bytes = HubScene.model.values.reduce(0) { $0 + $1.bytes.count }
    #expect(snapshot.bytes == bytes)
    #expect(snapshot.downloadedBytes == bytes)
    #expect(report.last.withLock { $0 } == (bytes, bytes))
    var expected = ["refs/main": Self.commit]
    for (path, file) in HubScene.model {
      let up = String(repeating: "../", count: path.split(separator: "/").count + 1)
      expected["snapshots/\(Self.commit)/\(path)"] = "-> \(up)blobs/\(file.tag)"
      expected["blobs/\(file.tag)"] =
        file.bytes.count < 100 ? String(decoding: file.bytes, as: UTF8.self) : "\(file.bytes.count) bytes"
    }
    #expect(try scene.entries() == expected)
    let locks = try FileManager.default.contentsOfDirectory(
      atPath: scene.folder.appendingPathComponent("hub/.locks/models--org--name").path)
    #expect(Set(locks) == Set(HubScene.model.values.map { $0.tag + ".lock" }))
  }

  @Test("What is there is not asked for again; another revision with the same content needs no download")
  func again() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    _ = try await scene.pull()
    let before = scene.hub.requests.count
    let again = try await scene.pull()
    #expect(scene.isWhole(again))
    #expect(again.downloadedBytes == 0)
    #expect(scene.hub.requests.count == before + 1)
    let next = String(repeating: "fedcba9876", count: 4)
    scene.hub.state.withLock { $0.commit = next }
    let moved = try await scene.pull("org/name@v1/x")
    #expect(scene.isWhole(moved))
    #expect(moved.commit == next)
    #expect(moved.downloadedBytes == 0)
    #expect(try scene.entries()["refs/v1/x"] == next)
    #expect(try scene.entries()["refs/main"] == Self.commit)
  }

  @Test("Patterns choose and leave out; without them a model's files are chosen, of shards those of the index")
  func selection() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    func files(_ include: [String], _ exclude: [String] = []) async throws -> [String] {
      try await scene.pull("org/name", HubSelection(include: include, exclude: exclude)).files
    }
    #expect(try await files(["*.gguf"]) == ["name.Q4_0.gguf"])
    #expect(try await files(["*.safetensors"], ["con*"]) == ["model.safetensors"])
    #expect(try await files(["onnx/"]) == ["onnx/model.onnx"])
    #expect(try await files([], ["*.safetensors", "*.jinja"]) == ["config.json", "tokenizer.json"])
    let none = await scene.failure("org/name", HubSelection(include: ["*.pdf"]))
    #expect(none?.code == .notFound)
    #expect(none?.message.contains("--include '*.pdf'") == true)
    let name = try #require(HubRepository("org/name"))
    let sharded = [
      "config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "README.md",
      "model.safetensors.index.json", "consolidated.safetensors", "pytorch_model-00001-of-00002.bin",
    ]
    #expect(
      try HubSelection.model.select(from: sharded, of: name) == [
        "config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
      ])
  }

  @Test("A model of GGUF files only is refused with their names and the option to choose one")
  func gguf() async throws {
    let scene = try HubScene([
      "README.md": FakeHub.File([1]), "a.Q4_0.gguf": FakeHub.File([2], isLarge: true),
      "b.Q8_0.gguf": FakeHub.File([3], isLarge: true),
    ])
    defer { scene.remove() }
    let error = await scene.failure()
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains("--include") == true)
    #expect(error?.message.contains("a.Q4_0.gguf, b.Q8_0.gguf") == true)
  }

  @Test("Offline, and with a dead hub, a complete snapshot is used with a notice; an incomplete one is an error")
  func offline() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    let offline = ["HF_HUB_OFFLINE": "1"]
    let nothing = await scene.failure(environment: offline)
    #expect(nothing?.code == .unreachable)
    #expect(nothing?.message.contains("HF_HUB_OFFLINE") == true)
    #expect(scene.hub.requests.isEmpty)
    let pulled = try await scene.pull()
    let before = scene.hub.requests.count
    let known = try await scene.pull(environment: offline)
    #expect(known.path == pulled.path)
    #expect(scene.isWhole(known))
    #expect(known.notices.count == 1)
    #expect(scene.hub.requests.count == before)
    #expect(try await scene.pull("org/name@\(Self.commit)", environment: offline).path == pulled.path)
    scene.hub.stop()
    let unreachable = try await scene.pull()
    #expect(scene.isWhole(unreachable))
    #expect(unreachable.notices.first?.contains("as it was last pulled") == true)
    try FileManager.default.removeItem(atPath: pulled.path + "/model.safetensors")
    #expect(await scene.failure(environment: offline)?.code == .unreachable)
    #expect(await scene.failure()?.code == .unreachable)
  }

  @Test("Of a sharded snapshot, every shard that the index names must be there")
  func shardsOffline() async throws {
    let index =
      "{\"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\", \"b\": \"model-00002-of-00002.safetensors\"}}"
    let scene = try HubScene([
      "config.json": FakeHub.File(Array("{}".utf8)), "model.safetensors.index.json": FakeHub.File(Array(index.utf8)),
      "model-00001-of-00002.safetensors": FakeHub.File([1], isLarge: true),
      "model-00002-of-00002.safetensors": FakeHub.File([2], isLarge: true),
    ])
    defer { scene.remove() }
    let snapshot = try await scene.pull()
    #expect(snapshot.files.count == 4)
    #expect(try await scene.pull(environment: ["HF_HUB_OFFLINE": "1"]).files.count == 4)
    try FileManager.default.removeItem(atPath: snapshot.path + "/model-00002-of-00002.safetensors")
    #expect(await scene.failure(environment: ["HF_HUB_OFFLINE": "1"])?.code == .unreachable)
  }

  @Test("Six clients that pull one model at the same time download every byte once")
  func concurrent() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.disturb("model.safetensors", { _, answer in answer.pause = 20_000 })
    let snapshots = try await withThrowingTaskGroup(of: HubSnapshot.self) { group in
      for _ in 0..<6 { group.addTask { try await scene.pull() } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(snapshots.count == 6)
    for snapshot in snapshots { #expect(scene.isWhole(snapshot)) }
    let bytes = HubScene.model.values.reduce(0) { $0 + $1.bytes.count }
    #expect(snapshots.reduce(0) { $0 + $1.downloadedBytes } == bytes)
    #expect(scene.weightRequests.count == 1)
  }

  @Test("A cancelled pull keeps what has arrived, and the next one asks for the rest only")
  func cancelled() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    scene.hub.disturb("model.safetensors", { _, answer in answer.pause = 30_000_000 })
    let blob = scene.repository.appendingPathComponent("blobs/\(FakeHub.File(HubScene.weights, isLarge: true).tag)")
    let work = Task { try await scene.pull(silence: 60) }
    while (HubCache.size(blob.path + ".incomplete") ?? 0) < 1 << 16 { try await Task.sleep(for: .milliseconds(5)) }
    work.cancel()
    await #expect(throws: CancellationError.self) { try await work.value }
    let kept = try #require(HubCache.size(blob.path + ".incomplete"))
    #expect((1 << 16..<HubScene.weights.count).contains(kept))
    #expect(HubCache.size(blob.path) == nil)
    let snapshot = try await scene.pull()
    #expect(scene.isWhole(snapshot))
    #expect(scene.weightRequests.last?.rangeStart == kept)
  }

  @Test("Cancelled at 100 moments of a first pull, the second one ends whole")
  func cancelledAnytime() async throws {
    let scene = try HubScene()
    defer { scene.remove() }
    for round in 0..<100 {
      let cache = ["HF_HOME": scene.folder.appendingPathComponent("\(round)").path]
      let work = Task { try await scene.pull(environment: cache) }
      try await Task.sleep(for: .microseconds(round * 300))
      work.cancel()
      _ = try? await work.value
      if round % 10 == 0 { #expect(scene.isWhole(try await scene.pull(environment: cache))) }
    }
  }
}
