import Foundation
import Synchronization
import TestSupport
import Testing
import VPTQ

/// Data of tasks and texts that `vptq evaluate` takes from the hub.
@Suite("vptq evaluate with data of the hub")
struct EvaluateHubTests {
  private static let fixtures = SharedData.packageRoot.path + "/Tests/EvaluationTests/Fixtures"
  private let model = fixtures + "/lm-eval/model"
  private static let published = fixtures + "/published"

  private static func files(_ dataSet: String) throws -> [String: FakeHub.File] {
    let folder = published + "/" + dataSet
    let paths = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return try paths.filter { $0.contains(".") }.reduce(into: [:]) {
      $0[$1] = FakeHub.File([UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/" + $1))), isLarge: true)
    }
  }

  @Test("Without --data what is needed is pulled, and read as from a folder; again without the hub")
  func pulled() throws {
    let hub = try FakeHub([:])
    let cache = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: cache) }
    for name in ["allenai/ai2_arc", "Salesforce/wikitext"] {
      let files = try Self.files(name)
      hub.state.withLock { $0.dataSets[name] = files }
    }
    // A data set without files of its own that are read here: the copy that the hub makes is taken.
    let rows = try Self.files("baber/piqa")
    hub.state.withLock {
      $0.dataSets["baber/piqa"] = ["piqa.py": FakeHub.File([1])]
      $0.dataSets["baber/piqa@refs/convert/parquet"] = [
        "plain_text/validation/0000.parquet": rows["plain_text/validation-00000-of-00001.parquet"] ?? FakeHub.File([])
      ]
    }
    let command = [
      "evaluate", model, "--tasks", "arc_easy,piqa", "--perplexity", "wikitext2", "--context", "16", "--json",
    ]
    let environment = hub.environment(cache: cache)
    let run = try Program.run(command, environment: environment)
    #expect(run.status == 0, "\(run.errors)")
    let local = try Program.run(command + ["--data", Self.published])
    #expect(local.status == 0, "\(local.errors)")
    #expect(run.output == local.output)
    // Of ARC only the part that is asked for.
    let arc = cache.path + "/hub/datasets--allenai--ai2_arc/snapshots/" + hub.state.withLock { $0.commit }
    #expect(try FileManager.default.contentsOfDirectory(atPath: arc) == ["ARC-Easy"])
    hub.stop()
    let again = try Program.run(command, environment: environment.merging(["HF_HUB_OFFLINE": "1"]) { $1 })
    #expect(again.status == 0, "\(again.errors)")
    #expect(again.output == run.output)
    #expect(again.errors.contains("offline: using allenai/ai2_arc"), "\(again.errors)")
  }

  @Test(
    "What the hub does not have ends with 66 and the command that pulls it; a folder is never completed from the hub")
  func missing() throws {
    let hub = try FakeHub([:])
    let cache = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: cache) }
    let environment = hub.environment(cache: cache)
    let run = try Program.run(["evaluate", model, "--tasks", "mmlu"], environment: environment)
    #expect(run.status == 66)
    #expect(run.errors.contains("no data set cais/mmlu"), "\(run.errors)")
    #expect(run.errors.contains("vptq pull --data-set cais/mmlu --include 'all/test*'"), "\(run.errors)")
    let asked = hub.requests.count
    let local = try Program.run(
      ["evaluate", model, "--perplexity", "c4", "--data", cache.path], environment: environment)
    #expect(local.status == 66)
    #expect(local.errors.contains("vptq pull --data-set allenai/c4"), "\(local.errors)")
    #expect(hub.requests.count == asked)
  }

  @Test("pull --data-set prints the folder that --data takes")
  func pull() throws {
    let hub = try FakeHub([:])
    let cache = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: cache) }
    let files = try Self.files("cais/mmlu")
    hub.state.withLock { $0.dataSets["cais/mmlu"] = files.merging(["README.md": FakeHub.File([1])]) { $1 } }
    let environment = hub.environment(cache: cache)
    let run = try Program.run(["pull", "--data-set", "cais/mmlu", "--include", "all/test*"], environment: environment)
    #expect(run.status == 0, "\(run.errors)")
    let folder = run.output.trimmingCharacters(in: .newlines)
    #expect(folder.hasPrefix(cache.path + "/hub/datasets--cais--mmlu/snapshots/"))
    let evaluated = try Program.run(["evaluate", model, "--tasks", "mmlu", "--data", folder, "--json"])
    #expect(evaluated.status == 0, "\(evaluated.errors)")
    let count = try JSONValue.parse(Array(evaluated.output.utf8))["tasks"]?["mmlu"]?["count"]?.intValue
    // The rows of Fixtures/lm-eval/data/mmlu_test.jsonl.
    #expect(count == 5)
    #expect(try Program.run(["pull", "--data-set", "cais"], environment: environment).status == 64)
    let wrong = try Program.run(["pull", "--data-set", "cais/mmlu", "--include", "*.csv"], environment: environment)
    #expect(wrong.status == 66)
    #expect(wrong.errors.contains("all/test-00000-of-00001.parquet"), "\(wrong.errors)")
  }
}
