import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Evaluation

@Suite("Examples in prompts of tasks")
struct TaskExampleTests {
  /// Of the tasks that have examples; recorded with two of them before each item by Scripts/record_lm_eval.py.
  private static let names = TaskEvaluation.names.filter { $0 != "lambada_openai" }

  private func folder(_ data: PublishedData) -> String {
    RecordedTasks.folder + (data.name.hasSuffix("_train") || data.name.hasSuffix("_dev") ? "/shots" : "/data")
  }

  @Test("Prompts with two examples are lm-eval's, character by character", arguments: names)
  func prompts(name: String) throws {
    let recorded = try RecordedTasks("expected-shots.json")
    let task = try #require(try EvaluationTask.named([name]).first)
    let examples = try TaskExamples(task, count: 2, folder: RecordedTasks.folder + "/shots")
    let items = try TaskData(task, folder: RecordedTasks.folder + "/data", limit: nil, examples: examples).items
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

  @Test("Log-likelihoods, accuracies and errors with two examples are lm-eval's", arguments: names)
  func values(name: String) throws {
    let recorded = try RecordedTasks("expected-shots.json")
    let (records, samples) = try TaskEvaluation([name], shots: 2, folder: folder).measure(
      recorded.model, tokenizer: recorded.tokenizer)
    try recorded.check(name, records, samples)
    #expect(records.first?.shots == 2)
    #expect(records.first?.json["shots"]?.intValue == 2)
  }

  @Test("Random numbers and samples are CPython's")
  func random() {
    // random.Random(1234) of CPython 3.11: getrandbits(32) three times, and sample(range(size), count) from four new ones in turn.
    var bits = PythonRandom(seed: 1234)
    #expect((0..<3).map { _ in bits.next() } == [4_150_886_329, 3_342_196_574, 1_892_932_127])
    var samples = PythonRandom(seed: 1234)
    #expect(samples.sample(5, of: 10) == [7, 1, 0, 9, 4])
    #expect(samples.sample(3, of: 30) == [1, 21, 22])
    #expect(samples.sample(6, of: 1000) == [85, 100, 784, 363, 242, 17])
    #expect(samples.sample(8, of: 64) == [3, 50, 1, 22, 41, 39, 30, 58])
  }

  @Test("Where a task has no test split, the row that is asked is no example for itself")
  func others() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func row(_ number: Int) -> String { #"{"goal": "g\#(number)", "sol1": "a", "sol2": "b", "label": 0}"# + "\n" }
    try (row(0) + row(1)).write(
      toFile: folder.path + "/piqa_train.jsonl", atomically: true, encoding: .utf8)
    try (row(0) + row(1) + row(2)).write(
      toFile: folder.path + "/piqa_validation.jsonl", atomically: true, encoding: .utf8)
    let items = try TaskData(
      .piqa, folder: folder.path, limit: nil, examples: TaskExamples(.piqa, count: 1, folder: folder.path)
    ).items
    func example(_ index: Int) -> String { String(items[index].requests[0].context.prefix(14)) }
    #expect(example(0) == "Question: g1\nA")
    #expect(example(1) == "Question: g0\nA")
  }

  @Test("Too few examples, none, or no file of them is said")
  func refused() throws {
    #expect { try TaskEvaluation(["mmlu"], shots: 4, folder: folder) } throws: {
      ($0 as? EvaluationError)?.code == .badData && "\($0)".contains("--shots 4") && "\($0)".contains("3 examples")
    }
    #expect { try TaskEvaluation(["lambada"], shots: 1, folder: folder) } throws: {
      ($0 as? EvaluationError)?.code == .invalidOption && "\($0)".contains("--shots")
    }
    #expect { try TaskEvaluation(["piqa"], folder: RecordedTasks.folder + "/data", shots: 1) } throws: {
      ($0 as? EvaluationError)?.code == .missingFile && "\($0)".contains("piqa_train.jsonl")
        && "\($0)".contains("vptq pull --data-set baber/piqa --include 'data/train*'")
    }
  }
}
