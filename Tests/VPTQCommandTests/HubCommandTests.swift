import Foundation
import Synchronization
import TestSupport
import Testing
import VPTQ

/// Models of a hub as the user meets them: pulled, killed, interrupted, out of space, by two programs at once, and as MODEL.
@Suite("Models of the hub", .serialized)
struct HubCommandTests {
  private static let commit = String(repeating: "0123456789", count: 4)

  /// A hub with a runnable model whose weights have about 700 kB, and an empty cache.
  private struct Scene {
    let hub: FakeHub
    let folder: URL
    let files: [String: FakeHub.File]

    init() throws {
      folder = try SharedData.temporaryFolder()
      let model = try RandomModel(hidden: 128, blocks: 2, hasTokenizer: true).write(in: folder)
      var files: [String: FakeHub.File] = [:]
      for name in try FileManager.default.contentsOfDirectory(atPath: model) {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: model + "/" + name)))
        files[name] = FakeHub.File(bytes, isLarge: name.hasSuffix(".safetensors"))
      }
      try FileManager.default.removeItem(atPath: model)
      self.files = files
      hub = try FakeHub(files)
    }

    var weights: FakeHub.File { files["model.safetensors"] ?? FakeHub.File([]) }
    var blob: String { folder.path + "/hub/models--org--name/blobs/" + weights.tag }
    var snapshot: String { folder.path + "/hub/models--org--name/snapshots/" + HubCommandTests.commit }

    func run(
      _ arguments: [String], environment: [String: String] = [:], fileLimit: Int? = nil,
      interference: Program.Interference? = nil
    ) throws -> Program.Outcome {
      try Program.run(
        arguments, environment: hub.environment(cache: folder).merging(environment) { $1 }, fileLimit: fileLimit,
        interference: interference)
    }

    /// Whether the snapshot has the hub's bytes, and nothing half-done is left.
    func isWhole() throws -> Bool {
      let blobs = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/hub/models--org--name/blobs")
      return Set(blobs) == Set(files.values.map(\.tag))
        && files.allSatisfy { name, file in
          FileManager.default.contents(atPath: snapshot + "/" + name).map { [UInt8]($0) } == file.bytes
        }
    }

    func partialSize() -> Int {
      let attributes = try? FileManager.default.attributesOfItem(atPath: blob + ".incomplete")
      return (attributes?[.size] as? NSNumber)?.intValue ?? 0
    }
  }

  private func inScene(_ body: (Scene) throws -> Void) throws {
    let scene = try Scene()
    defer { try? FileManager.default.removeItem(at: scene.folder) }
    try body(scene)
  }

  @Test("pull prints the folder, or a document with the stable fields")
  func pull() throws {
    try inScene { scene in
      let run = try scene.run(["pull", "org/name", "--json"])
      #expect(run.status == 0, "\(run.errors)")
      let report = try JSONValue.parse(Array(run.output.utf8))
      let bytes = scene.files.values.reduce(0) { $0 + $1.bytes.count }
      #expect(report["path"]?.stringValue == scene.snapshot)
      #expect(report["revision"]?.stringValue == Self.commit)
      #expect(report["files"]?.arrayValue?.compactMap(\.stringValue) == scene.files.keys.sorted())
      #expect(report["bytes"]?.intValue == bytes)
      #expect(report["downloaded_bytes"]?.intValue == bytes)
      let again = try scene.run(["pull", "org/name", "--revision", "v1/x", "--include", "*.json", "--exclude", "t*"])
      #expect(again.output == scene.snapshot + "\n")
      #expect(try scene.isWhole())
    }
  }

  @Test("Names that are none, and a revision given twice, are wrong usage; what is missing ends with 66")
  func refusals() throws {
    try inScene { scene in
      for arguments in [["name"], ["./org"], ["org/name@v1", "--revision", "v2"], ["org/name@../x"]] {
        #expect(try scene.run(["pull"] + arguments).status == 64)
      }
      #expect(scene.hub.requests.isEmpty)
      let missing = try scene.run(["inspect", "org/other"])
      #expect(missing.status == 66)
      #expect(missing.errors.contains("there is no model org/other at \(scene.hub.address)"), "\(missing.errors)")
      #expect(missing.errors.contains("there is no folder org/other here either"), "\(missing.errors)")
      #expect(try scene.run(["pull", "org/name@v9"]).status == 66)
      scene.hub.state.withLock { $0.token = "hf_other" }
      let denied = try scene.run(["pull", "org/name", "--json"], environment: ["HF_TOKEN": "hf_secret"])
      #expect(denied.status == 66)
      #expect(denied.output.contains("\"accessDenied\""), "\(denied.output)")
      #expect(!(denied.output + denied.errors).contains("hf_secret"))
    }
  }

  @Test("A damaged download ends with 65")
  func damaged() throws {
    try inScene { scene in
      scene.hub.disturb("model.safetensors", { _, answer in answer.body[5] ^= 1 })
      let run = try scene.run(["pull", "org/name"])
      #expect(run.status == 65)
      #expect(run.errors.contains("model.safetensors of org/name arrived damaged"), "\(run.errors)")
    }
  }

  @Test("Killed at 10 moments: no blob is half-written, and the same command goes on to the same bytes", .tags(.slow))
  func killed() throws {
    try inScene { scene in
      for round in 1...10 {
        scene.hub.disturb("model.safetensors", { _, answer in answer.pause = 400_000 })
        // In the first half, so that the rest cannot arrive before the signal does.
        let due = scene.weights.bytes.count * round / 20
        let run = try scene.run(
          ["pull", "org/name"], interference: .init(signal: SIGKILL) { _ in scene.partialSize() >= due })
        #expect(run.status == SIGKILL)
        #expect(!FileManager.default.fileExists(atPath: scene.blob))
        #expect(!FileManager.default.fileExists(atPath: scene.snapshot + "/model.safetensors"))
      }
      let kept = scene.partialSize()
      #expect((scene.weights.bytes.count / 2..<scene.weights.bytes.count).contains(kept))
      let run = try scene.run(["pull", "org/name"])
      #expect(run.status == 0, "\(run.errors)")
      #expect(scene.hub.storeRequests.last?.rangeStart == kept)
      #expect(try scene.isWhole())
    }
  }

  @Test("Ctrl-C ends pull with 130 and keeps what has arrived")
  func interrupted() throws {
    try inScene { scene in
      scene.hub.disturb("model.safetensors", { _, answer in answer.pause = 1_000_000 })
      let run = try scene.run(
        ["pull", "org/name"], interference: .init(signal: SIGINT) { _ in scene.partialSize() > 0 })
      #expect(run.status == 130)
      #expect(run.errors.contains("the same command goes on with it"), "\(run.errors)")
      let kept = scene.partialSize()
      #expect(kept > 0)
      #expect(try scene.run(["pull", "org/name"]).status == 0)
      #expect(scene.hub.storeRequests.last?.rangeStart == kept)
      #expect(try scene.isWhole())
    }
  }

  @Test("At a file size limit pull ends with 73 and names the file; with room it goes on")
  func noSpace() throws {
    try inScene { scene in
      let run = try scene.run(["pull", "org/name"], fileLimit: 128)
      #expect(run.status == 73)
      #expect(run.errors.contains(scene.blob) && run.errors.contains("bytes needed"), "\(run.errors)")
      #expect(!FileManager.default.fileExists(atPath: scene.blob))
      #expect(try scene.run(["pull", "org/name"]).status == 0)
      #expect(try scene.isWhole())
      let blocked = try scene.run(["pull", "org/name"], environment: ["HF_HUB_CACHE": scene.blob + "/cache"])
      #expect(blocked.status == 73)
    }
  }

  @Test("Two programs that pull one model at the same time: one downloads, the other waits, both have the whole")
  func twoPrograms() async throws {
    let scene = try Scene()
    defer { try? FileManager.default.removeItem(at: scene.folder) }
    scene.hub.disturb("model.safetensors", { _, answer in answer.pause = 50_000 })
    let runs = try await withThrowingTaskGroup(of: Program.Outcome.self) { group in
      for _ in 0..<2 { group.addTask { try scene.run(["pull", "org/name", "--json"]) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    let downloaded = try runs.map { run in
      #expect(run.status == 0, "\(run.errors)\(run.output)")
      return try JSONValue.parse(Array(run.output.utf8))["downloaded_bytes"]?.intValue ?? 0
    }
    #expect(downloaded.reduce(0, +) == scene.files.values.reduce(0) { $0 + $1.bytes.count })
    #expect(scene.hub.storeRequests.count == 1)
    #expect(try scene.isWhole())
  }

  @Test("A name is a MODEL: pulled, run, and run again without the hub, to the same text")
  func asModel() throws {
    try inScene { scene in
      let command = ["generate", "org/name", "-p", "abc", "--max-tokens", "8", "--temperature", "0"]
      let first = try scene.run(command)
      #expect(first.status == 0, "\(first.errors)")
      #expect(try scene.isWhole())
      let local = try scene.run(["generate", scene.snapshot] + command.dropFirst(2))
      #expect(first.output == local.output)
      let requests = scene.hub.requests.count
      let offline = try scene.run(command, environment: ["HF_HUB_OFFLINE": "1"])
      #expect(offline.output == first.output)
      #expect(offline.errors.contains("note: offline"), "\(offline.errors)")
      #expect(scene.hub.requests.count == requests)
      scene.hub.stop()
      let unreachable = try scene.run(command)
      #expect(unreachable.output == first.output)
      #expect(unreachable.errors.contains("as it was last pulled"), "\(unreachable.errors)")
    }
  }
}
