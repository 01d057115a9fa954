import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Checkpoints

@Suite("Data sets of a hub")
struct HubDataSetTests {
  private static let commit = String(repeating: "0123456789", count: 4)
  private static let rows = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 5) }
  private static let files: [String: FakeHub.File] = [
    "README.md": FakeHub.File(Array("# data".utf8)), "script.py": FakeHub.File([7]),
    "a/test-00000-of-00002.parquet": FakeHub.File(rows, isLarge: true),
    "a/test-00001-of-00002.parquet": FakeHub.File([2], isLarge: true),
    "a/train-00000-of-00001.parquet": FakeHub.File([3], isLarge: true),
    "en/part.json.gz": FakeHub.File([4], isLarge: true), "notes.jsonl": FakeHub.File(Array("{}".utf8)),
  ]

  private func scene() throws -> HubScene {
    let scene = try HubScene()
    scene.hub.state.withLock { $0.dataSets["some/rows"] = Self.files }
    return scene
  }

  @Test("The cache is laid out as PyPI huggingface_hub lays out data sets: datasets--ORG--NAME")
  func layout() async throws {
    let scene = try scene()
    defer { scene.remove() }
    let snapshot = try await scene.pull("some/rows", .data(), kind: .dataSet)
    #expect(snapshot.path == scene.dataSet("some/rows").path + "/snapshots/" + Self.commit)
    #expect(snapshot.files == Self.files.keys.sorted().filter { $0 != "README.md" && $0 != "script.py" })
    #expect(scene.isWhole(snapshot, Self.files.filter { $0.key != "README.md" && $0.key != "script.py" }))
    let link = snapshot.path + "/a/test-00000-of-00002.parquet"
    #expect(
      try FileManager.default.destinationOfSymbolicLink(atPath: link)
        == "../../../blobs/" + FakeHub.File(Self.rows, isLarge: true).tag)
    #expect(
      try String(contentsOfFile: scene.dataSet("some/rows").path + "/refs/main", encoding: .utf8) == Self.commit)
    #expect(scene.hub.requests.map(\.target).contains("/api/datasets/some/rows/revision/main"))
    #expect(
      scene.hub.requests.map(\.target).contains(
        "/datasets/some/rows/resolve/\(Self.commit)/a/train-00000-of-00001.parquet"))
    let locks = scene.folder.path + "/hub/.locks/datasets--some--rows"
    #expect(try FileManager.default.contentsOfDirectory(atPath: locks).count == snapshot.files.count)
    // A model of the same name is another repository.
    #expect(await scene.failure("some/rows")?.message.contains("no model some/rows") == true)
    #expect(await scene.failure("org/name", .data(), kind: .dataSet)?.message.contains("no data set org/name") == true)
  }

  @Test("Patterns choose; a broken download goes on where it ended; damage is refused")
  func resumed() async throws {
    let scene = try scene()
    defer { scene.remove() }
    let selection = HubSelection.data(include: ["a/test*"])
    scene.hub.disturb("a/test-00000-of-00002.parquet", { _, answer in answer.cut = 90_000 })
    let snapshot = try await scene.pull("some/rows", selection, kind: .dataSet)
    #expect(scene.isWhole(snapshot, Self.files.filter { $0.key.hasPrefix("a/test") }))
    #expect(snapshot.downloadedBytes == 200_001)
    // A broken connection may lose what was on the way.
    let starts = scene.hub.storeRequests.compactMap(\.rangeStart)
    #expect(starts.count == 1 && starts.allSatisfy { (1...90_000).contains($0) })
    let other = try self.scene()
    defer { other.remove() }
    for _ in 0..<2 { other.hub.disturb("en/part.json.gz") { _, answer in answer.body = [5] } }
    #expect(
      await other.failure("some/rows", .data(include: ["en/*"]), kind: .dataSet)?.code == .damagedDownload)
  }

  @Test("Without a network a snapshot is enough that has what the patterns name, and no gap in a series of files")
  func offline() async throws {
    let scene = try scene()
    defer { scene.remove() }
    let offline = ["HF_HUB_OFFLINE": "1"]
    let test = HubSelection(anyOf: ["a/test*", "test/*"])
    #expect(await scene.failure("some/rows", test, kind: .dataSet, environment: offline)?.code == .unreachable)
    let snapshot = try await scene.pull("some/rows", test, kind: .dataSet)
    #expect(try await scene.pull("some/rows", test, kind: .dataSet, environment: offline).files.count == 2)
    #expect(
      await scene.failure("some/rows", .data(include: ["a/*", "en/*"]), kind: .dataSet, environment: offline)?.code
        == .unreachable)
    try FileManager.default.removeItem(atPath: snapshot.path + "/a/test-00000-of-00002.parquet")
    #expect(await scene.failure("some/rows", test, kind: .dataSet, environment: offline)?.code == .unreachable)
    #expect(
      try await scene.pull(
        "some/rows", .data(include: ["a/test-00001-of-00002.parquet"]), kind: .dataSet, environment: offline
      ).files.count == 1)
  }
}
