import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import TestSupport
import Testing
import Tokenizers

@testable import Evaluation

/// A tiny model with items of every task, and what lm-eval says of them; recorded by Scripts/record_lm_eval.py.
struct RecordedTasks {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/lm-eval").path

  let model: any CausalLanguageModel
  let tokenizer: Tokenizer
  let expected: JSONValue

  init(_ file: String = "expected.json") throws {
    let model = try ModelDirectory(path: Self.folder + "/model")
    self.model = try ModelRegistry.load(model, options: RuntimeOptions())
    tokenizer = try Tokenizer(folder: model.path)
    expected = try JSONValue.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: Self.folder + "/" + file))))
  }

  /// Compares what was measured of a task with what lm-eval recorded.
  func check(_ name: String, _ records: [TaskRecord], _ samples: [TaskSample]) throws {
    for (part, own) in Dictionary(grouping: samples, by: \.part) {
      let title = part.isEmpty ? name : "\(name)_\(part)"
      let items = expected["items"]?[title]?.arrayValue ?? []
      try #require(items.count == own.count)
      for (sample, other) in zip(own, items) {
        #expect(sample.index == other["doc_id"]?.intValue)
        for (index, answer) in (other["resps"]?.arrayValue ?? []).enumerated() {
          let value = answer.arrayValue?.first?.doubleValue ?? .nan
          #expect(abs(sample.logLikelihoods[index] - value) < 1e-3)
          #expect(sample.isGreedy[index] == answer.arrayValue?.last?.boolValue)
        }
        #expect((sample.isRight ? 1.0 : 0) == other["acc"]?.doubleValue)
        #expect(sample.isRightNormalized.map { $0 ? 1.0 : 0 } == other["acc_norm"]?.doubleValue)
      }
      let results = expected["results"]?[title]
      let record = try #require(part.isEmpty ? records[0] : records[0].parts.first { $0.name == part })
      #expect(record.accuracy == results?["acc"]?.doubleValue)
      #expect(abs(record.standardError - (results?["acc_stderr"]?.doubleValue ?? .nan)) < 1e-12)
      #expect(record.accuracyNormalized == results?["acc_norm"]?.doubleValue)
      if let error = results?["acc_norm_stderr"]?.doubleValue {
        #expect(abs((record.standardErrorNormalized ?? .nan) - error) < 1e-12)
      }
      if let perplexity = results?["perplexity"]?.doubleValue {
        #expect(abs((record.perplexity ?? .nan) / perplexity - 1) < 1e-4)
      }
    }
  }

  func items(_ task: EvaluationTask) throws -> [TaskItem] {
    try TaskData(task, folder: Self.folder + "/data", limit: nil).items
  }
}

@Suite("Zero-shot tasks")
struct TaskTests {
  @Test("Prompts are lm-eval's, character by character", arguments: TaskEvaluation.names)
  func prompts(name: String) throws {
    let recorded = try RecordedTasks()
    let task = try #require(try EvaluationTask.named([name]).first)
    let items = try recorded.items(task)
    for (part, own) in Dictionary(grouping: items, by: \.part) {
      let expected = recorded.expected["items"]?[part.isEmpty ? name : "\(name)_\(part)"]?.arrayValue ?? []
      try #require(expected.count == own.count)
      for (item, other) in zip(own, expected) {
        let contexts = other["contexts"]?.arrayValue?.compactMap(\.stringValue) ?? []
        let continuations = other["continuations"]?.arrayValue?.compactMap(\.stringValue) ?? []
        #expect(item.requests.map(\.context).map { Array($0.utf8) } == contexts.map { Array($0.utf8) })
        #expect(item.requests.map(\.continuation).map { Array($0.utf8) } == continuations.map { Array($0.utf8) })
      }
    }
  }

  @Test("Log-likelihoods are lm-eval's to 1e-3, accuracies and errors exactly", arguments: TaskEvaluation.names)
  func values(name: String) throws {
    let recorded = try RecordedTasks()
    let (records, samples) = try TaskEvaluation([name], folder: RecordedTasks.folder + "/data").measure(
      recorded.model, tokenizer: recorded.tokenizer)
    try recorded.check(name, records, samples)
  }

  @Test("mmlu is weighted by the items of its subjects, with their variances pooled")
  func pooled() throws {
    func sample(_ part: String, _ isRight: Bool) -> TaskSample {
      let item = TaskItem(requests: [], answer: isRight ? 0 : 1, choiceLengths: [1, 1], part: part)
      return TaskSample(
        item, of: .mmlu, index: 0,
        scores: [ContinuationScore(logLikelihood: -1), ContinuationScore(logLikelihood: -2)])
    }
    let samples = [
      ("a", true), ("a", false), ("a", false), ("b", true), ("b", true), ("b", false), ("b", true), ("b", true),
    ]
    let record = TaskRecord(.mmlu, samples.map { sample($0.0, $0.1) })
    #expect(record.accuracy == 0.625)
    // pooled_sample_stderr([1/3, 0.2], [3, 5]) of lm_eval.api.metrics 0.4.13.
    #expect(abs(record.standardError - 0.17480147469502524) < 1e-12)
    #expect(record.parts.map(\.name) == ["a", "b"])
    #expect(record.parts.map(\.count) == [3, 5])
  }

  @Test("Of equal likelihoods the first counts, and a single item has no error")
  func ties() {
    let item = TaskItem.choices("c", ["x", "y"], answer: 0)
    let scores = [ContinuationScore(logLikelihood: -3), ContinuationScore(logLikelihood: -3)]
    let sample = TaskSample(item, of: .arcEasy, index: 0, scores: scores)
    #expect(sample.isRight)
    #expect(TaskRecord(.arcEasy, [sample]).standardError.isNaN)
    #expect(TaskRecord(.arcEasy, [sample]).json["stderr"].map { "\($0)" } != nil)
  }

  @Test("Text operations are Python's")
  func python() {
    // Evaluated with CPython 3.11.
    #expect(PythonText.capitalized("éR ist MÜDE") == "Ér ist müde")
    #expect(PythonText.capitalized("ǆabc") == "ǅabc")
    #expect(PythonText.capitalized("ßA") == "Ssa")
    #expect(PythonText.stripped("\u{1f} \u{a0}a b\u{85}\n") == "a b")
    #expect(PythonText.withoutBrackets("a [b] [c\nd] [e]] [[f] g]") == "a  [c\nd] ]  g]")
    #expect(PythonText.replaced("a    b   c", "  ", with: " ") == "a  b  c")
  }

  @Test("A row that lacks a field, or names a choice that is not there, is refused by file and row")
  func damagedRows() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("piqa.jsonl")
    let good = #"{"goal": "g", "sol1": "a", "sol2": "b", "label": 0}"#
    for (line, part) in [
      (#"{"goal": "g", "sol1": "a", "label": 0}"#, "sol2"),
      (#"{"goal": "g", "sol1": "a", "sol2": "b", "label": 2}"#, "label"),
      (#"{"goal": "g""#, "line 2"), (#"{"goal": "g", "sol1": "a", "sol2": "b"}"#, "label"),
    ] {
      try Data("\(good)\n\(line)\n".utf8).write(to: path)
      #expect { try TaskEvaluation(["piqa"], folder: folder.path) } throws: {
        ($0 as? EvaluationError)?.code == .badData && "\($0)".contains("piqa.jsonl") && "\($0)".contains("2")
          && "\($0)".contains(part)
      }
      // Items beyond the limit are not read.
      #expect(throws: Never.self) { try TaskEvaluation(["piqa"], folder: folder.path, limit: 1) }
    }
    #expect { try TaskEvaluation(["arc_easy"], folder: folder.path) } throws: {
      ($0 as? EvaluationError)?.code == .missingFile && "\($0)".contains("arc_easy_test.jsonl")
        && "\($0)".contains("vptq pull --data-set allenai/ai2_arc --include 'ARC-Easy/test*'")
    }
    try Data("abc".utf8).write(to: folder.appendingPathComponent("boolq_validation.jsonl.zst"))
    #expect { try TaskEvaluation(["boolq"], folder: folder.path) } throws: {
      ($0 as? EvaluationError)?.code == .badData && "\($0)".contains("boolq_validation.jsonl.zst, line 1")
    }
    #expect { try TaskEvaluation(["nothing"], folder: folder.path) } throws: {
      ($0 as? EvaluationError)?.code == .invalidOption && "\($0)".contains("hellaswag")
    }
  }
}
