import Foundation
import Synchronization
import Tensors
import TestSupport

@testable import Checkpoints

/// A hub with one small model, and an empty cache.
struct HubScene {
  let hub: FakeHub
  let folder: URL

  static let weights = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }

  /// The files that running the model needs.
  static let model: [String: FakeHub.File] = [
    "config.json": FakeHub.File(Array("{\"model_type\": \"llama\"}".utf8)),
    "tokenizer.json": FakeHub.File(Array(String(repeating: "{\"merges\": []}", count: 20_000).utf8)),
    "additional_chat_templates/tool use.jinja": FakeHub.File(Array("{{ tools }}".utf8)),
    "model.safetensors": FakeHub.File(weights, isLarge: true),
  ]

  /// What a model's repository has besides.
  static let others: [String: FakeHub.File] = [
    ".gitattributes": FakeHub.File(Array("*.bin lfs".utf8)), "README.md": FakeHub.File(Array("# name".utf8)),
    "pytorch_model.bin": FakeHub.File([1, 2, 3], isLarge: true), "onnx/model.onnx": FakeHub.File([4], isLarge: true),
    "consolidated.safetensors": FakeHub.File([5], isLarge: true), "name.Q4_0.gguf": FakeHub.File([6], isLarge: true),
  ]

  init(_ files: [String: FakeHub.File] = Self.model.merging(Self.others) { first, _ in first }) throws {
    hub = try FakeHub(files)
    folder = try SharedData.temporaryFolder()
  }

  /// Pulls with waits of milliseconds; silence breaks a connection late, since a busy machine may stand still for seconds.
  func pull(
    _ name: String = "org/name", _ selection: HubSelection = .model, kind: HubRepository.Kind = .model,
    environment: [String: String] = [:], attempts: Int = 4, silence: Double = 60,
    progress: any ProgressListener = SilentProgress()
  ) async throws -> HubSnapshot {
    guard let model = HubRepository(name, kind: kind) else { throw CheckpointError(.notFound, "\(name) is no name") }
    let settings = try HubSettings(environment: hub.environment(cache: folder).merging(environment) { $1 })
    let policy = RetryPolicy(
      attempts: attempts, firstWait: .milliseconds(2), longestWait: .milliseconds(20), longestAskedWait: .seconds(2))
    return try await HubClient(settings, retryPolicy: policy, silence: silence).pull(
      model, files: selection, progress: progress)
  }

  /// The error of a pull that must fail.
  func failure(
    _ name: String = "org/name", _ selection: HubSelection = .model, kind: HubRepository.Kind = .model,
    environment: [String: String] = [:], attempts: Int = 4, silence: Double = 60
  ) async -> CheckpointError? {
    do {
      let snapshot = try await pull(
        name, selection, kind: kind, environment: environment, attempts: attempts, silence: silence)
      return CheckpointError(.wrongDeclaration, "pulled \(snapshot.path)")
    } catch { return error as? CheckpointError }
  }

  /// The folder of the model in the cache.
  var repository: URL { folder.appendingPathComponent("hub/models--org--name") }

  /// The folder of a data set in the cache.
  func dataSet(_ name: String) -> URL {
    folder.appendingPathComponent("hub/datasets--" + name.replacingOccurrences(of: "/", with: "--"))
  }

  /// All entries below the model's folder: the content of files, the targets of links.
  func entries() throws -> [String: String] {
    var entries: [String: String] = [:]
    let files = FileManager.default
    for case let path as String in files.enumerator(atPath: repository.path) ?? .init() {
      let full = repository.appendingPathComponent(path).path
      if let target = try? files.destinationOfSymbolicLink(atPath: full) {
        entries[path] = "-> " + target
      } else if let data = files.contents(atPath: full), !isFolder(full) {
        entries[path] = data.count < 100 ? String(decoding: data, as: UTF8.self) : "\(data.count) bytes"
      }
    }
    return entries
  }

  private func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// Whether every wanted file of the snapshot has the hub's bytes.
  func isWhole(_ snapshot: HubSnapshot, _ files: [String: FakeHub.File] = Self.model) -> Bool {
    Set(snapshot.files) == Set(files.keys)
      && files.allSatisfy { path, file in
        FileManager.default.contents(atPath: snapshot.path + "/" + path).map { [UInt8]($0) } == file.bytes
      }
  }

  /// The requests for the content of the weights.
  var weightRequests: [LocalServer.Request] { hub.storeRequests.filter { $0.target.contains("model.safetensors") } }

  func remove() { try? FileManager.default.removeItem(at: folder) }
}

/// Takes two seconds for a report in the middle of the weights.
final class SlowListener: ProgressListener {
  private let hasSlept = Mutex(false)

  func report(_ stage: String, detail: String, completed: Int, total: Int, unit: ProgressUnit) {
    guard detail == "model.safetensors", completed > 1 << 20 else { return }
    let sleeps = hasSlept.withLock { hasSlept in
      defer { hasSlept = true }
      return !hasSlept
    }
    if sleeps { Thread.sleep(forTimeInterval: 2) }
  }
}

/// Remembers the last report.
final class LastReport: ProgressListener {
  let last = Mutex((completed: 0, total: 0))

  func report(_ stage: String, detail: String, completed: Int, total: Int, unit: ProgressUnit) {
    last.withLock { $0 = (completed, total) }
  }
}
