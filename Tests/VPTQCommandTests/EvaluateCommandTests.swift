import Foundation
import TestSupport
import Testing
import VPTQ

/// `vptq evaluate` as a user runs it, with the model and items of Tests/EvaluationTests/Fixtures/lm-eval.
@Suite("vptq evaluate")
struct EvaluateCommandTests {
  private static let fixture = SharedData.packageRoot.path + "/Tests/EvaluationTests/Fixtures/lm-eval"
  private let model = fixture + "/model"
  private let data = fixture + "/data"

  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path)
  }

  private func text(in folder: String, sentences: Int = 60) throws -> String {
    let path = folder + "/text.txt"
    try String(repeating: "The river runs through a valley, past a town and a mill. ", count: sentences).write(
      toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  @Test("Perplexity states what it depends on; with a stride no token is left out (case E02)")
  func perplexity() throws {
    try inFolder { folder in
      let text = try text(in: folder)
      let run = try Program.run(["evaluate", model, "--perplexity", text, "--context", "64", "--json"])
      #expect(run.status == 0, "\(run.errors)")
      let field = try JSONValue.parse(Array(run.output.utf8))["perplexity"]
      let total = try #require(field?["text_tokens"]?.intValue)
      #expect(field?["windows"]?.intValue == total / 64)
      #expect(field?["tokens"]?.intValue == total / 64 * 63)
      #expect(field?["dropped_tokens"]?.intValue == total % 64)
      #expect(field?["stride"]?.intValue == 64)
      #expect(field?["bos"]?.boolValue == false)
      #expect(field?["text_words"]?.intValue == 12 * 60)
      let strided = try Program.run(
        ["evaluate", model, "--perplexity", text, "--context", "64", "--stride", "32", "--bos", "--json"])
      let other = try JSONValue.parse(Array(strided.output.utf8))["perplexity"]
      #expect(other?["tokens"]?.intValue == total)
      #expect(other?["dropped_tokens"]?.intValue == 0)
      #expect(other?["bos"]?.boolValue == true)
    }
  }

  @Test("A model's divergence from itself is nothing, beside it and from stored logits")
  func divergence() throws {
    try inFolder { folder in
      let text = ["--perplexity", try text(in: folder), "--context", "64"]
      let stored = folder + "/logits"
      // The second time in place of the file that is there.
      for _ in 0..<2 {
        let run = try Program.run(["evaluate", model, "--store-logits", stored] + text)
        #expect(run.status == 0, "\(run.errors)")
        #expect(FileManager.default.fileExists(atPath: stored))
        #expect(!FileManager.default.fileExists(atPath: stored + ".partial"))
      }
      for option in [["--kl-against", model], ["--reference-logits", stored]] {
        let run = try Program.run(["evaluate", model, "--json"] + option + text)
        #expect(run.status == 0, "\(run.errors)")
        let field = try JSONValue.parse(Array(run.output.utf8))["kl"]
        #expect(field?["top1_agreement"]?.doubleValue == 1)
        #expect(abs(field?["mean"]?.doubleValue ?? .nan) < 1e-5)
        #expect(field?["reference"]?.stringValue == model)
      }
      // A begin token more in the vocabulary file makes other ids of the same text.
      let changed = folder + "/changed"
      try FileManager.default.copyItem(atPath: model, toPath: changed)
      let vocabulary = URL(fileURLWithPath: changed + "/tokenizer.json")
      let spelled = try String(contentsOf: vocabulary, encoding: .utf8)
      let merges = try #require(spelled.range(of: "\"merges\": ["))
      let end = try #require(spelled.range(of: "]", options: .backwards))
      try (spelled[..<merges.upperBound] + spelled[end.lowerBound...]).write(
        to: vocabulary, atomically: true, encoding: .utf8)
      let unlike = try Program.run(["evaluate", model, "--kl-against", changed] + text)
      #expect(unlike.status == 65)
      #expect(unlike.errors.contains("another tokenizer"), "\(unlike.errors)")
      let other = try Program.run(
        ["evaluate", model, "--reference-logits", stored, "--context", "32", "--perplexity", folder + "/text.txt"])
      #expect(other.status == 65)
      #expect(other.errors.contains("windows of 64"), "\(other.errors)")
    }
  }

  @Test("Results are kept, items written, and an interrupted run goes on to the same results")
  func interrupted() throws {
    try inFolder { folder in
      let text = try text(in: folder, sentences: 1500)
      func command(_ name: String) -> [String] {
        [
          "evaluate", model, "--perplexity", text, "--context", "64", "--stride", "16", "--tasks", "all", "--data",
          data,
          "--save", folder + "/\(name).json", "--samples-out", folder + "/\(name).jsonl", "--threads", "1",
        ]
      }
      #expect(try Program.run(command("whole")).status == 0)
      let whole = try Data(contentsOf: URL(fileURLWithPath: folder + "/whole.json"))
      let partial = folder + "/parts.json.partial"
      func size() -> Int { (try? FileManager.default.attributesOfItem(atPath: partial)[.size] as? Int) ?? 0 }
      for limit in [1000, 20000] {
        // Stopped as soon as something new is kept; a fast machine may be through by then.
        let run = try Program.run(command("parts"), interference: .init(signal: SIGINT) { _ in size() > limit })
        #expect([0, 130].contains(run.status), "\(run.errors)")
        if run.status == 130 { #expect(!FileManager.default.fileExists(atPath: folder + "/parts.json")) }
      }
      #expect(try Program.run(command("parts")).status == 0)
      #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/parts.json")) == whole)
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: folder + "/parts.jsonl"))
          == Data(contentsOf: URL(fileURLWithPath: folder + "/whole.jsonl")))
      #expect(!FileManager.default.fileExists(atPath: partial))
      let tasks = try JSONValue.parse([UInt8](whole))["tasks"]
      #expect(
        tasks?.objectValue?.map(\.key) == [
          "arc_easy", "arc_challenge", "hellaswag", "piqa", "winogrande", "lambada_openai", "boolq", "mmlu",
        ])
    }
  }

  @Test(
    "Wrong options end with 64 and a name, missing data with 66",
    arguments: [
      ([], "--perplexity", 64), (["--tasks", "arc_easy"], "vptq pull --data-set allenai/ai2_arc", 66),
      (["--tasks", "nothing", "--data", "D"], "nothing", 64), (["--tasks", ",", "--data", "D"], "--tasks", 64),
      (["--kl-against", "M"], "--kl-against", 64), (["--perplexity", "T", "--stride", "0"], "--stride", 64),
      (["--perplexity", "T", "--kl-against", "M", "--reference-logits", "x"], "--reference-logits", 64),
      (["--perplexity", "wikitext2", "--data", "D"], "wiki.test.raw", 66), (["--perplexity", "c4"], "--data", 66),
      (["--tasks", "arc_easy", "--data", "/nothing"], "arc_easy_test.jsonl", 66),
      (["--tasks", "arc_easy", "--data", "D", "--save", "/nothing/a.json"], "/nothing/a.json", 73),
      (["--tasks", "arc_easy", "--data", "D", "--samples-out", "D"], "folder", 73),
    ] as [([String], String, Int32)])
  func refused(options: [String], part: String, status: Int32) throws {
    // An empty cache, and no hub.
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let run = try Program.run(
      ["evaluate", model] + options.map { $0 == "M" ? model : $0 == "D" ? data : $0 },
      environment: ["HF_HUB_OFFLINE": "1", "HF_HOME": folder.path, "HF_HUB_CACHE": ""])
    #expect(run.status == status, "\(run.errors)")
    #expect(run.errors.contains(part), "\(run.errors)")
  }
}
