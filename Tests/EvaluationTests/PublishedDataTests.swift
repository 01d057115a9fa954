import DataFiles
import Foundation
import TestSupport
import Testing

@testable import Evaluation

/// The items of the recorded tasks in the form of the hub; written by Scripts/record_published_data.py.
@Suite("Data as the hub publishes them")
struct PublishedDataTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/published").path

  @Test(
    "Parquet files give the items of the lines, whose prompts are lm-eval's; in a data set's folder or above it",
    arguments: TaskEvaluation.names)
  func items(name: String) throws {
    let task = try #require(try EvaluationTask.named([name]).first)
    let expected = try RecordedTasks().items(task)
    let place = Self.folder + "/" + task.data.dataSet
    for folder in [place, Self.folder, (place as NSString).deletingLastPathComponent] {
      #expect(try TaskData(task, folder: folder, limit: nil).items == expected)
    }
    #expect(try TaskData(task, folder: place, limit: 1).items.first == expected.first)
  }

  @Test("wikitext2 joins the rows by blank lines, c4 the first 1100 documents by spaces")
  func texts() throws {
    let wiki = try EvaluationText("wikitext2", folders: [Self.folder])
    // The rows that the script wrote.
    #expect(wiki.text == "\n\n = Title = \n\n\n\n\n A line , with naïve words .\n\n\n Another .\n")
    let c4 = try EvaluationText("c4", folders: [Self.folder])
    #expect(c4.text == (0..<1100).map { "Document \($0)\nof some words." }.joined(separator: " "))
    #expect(c4.notices.isEmpty)
    let file = Self.folder + "/allenai/c4/en/c4-validation.00000-of-00008.json.gz"
    #expect(
      try EvaluationText(file, folders: []).text
        == (0..<1200).map { "Document \($0)\nof some words." }.joined(separator: "\n\n"))
    let rows = Self.folder + "/Salesforce/wikitext/wikitext-2-raw-v1/test-00000-of-00001.parquet"
    #expect(try EvaluationText(rows, folders: []).text == wiki.text)
    #expect {
      try EvaluationText(Self.folder + "/baber/piqa/plain_text/validation-00000-of-00001.parquet", folders: [])
    } throws: { ($0 as? EvaluationError)?.code == .badData && "\($0)".contains("\"text\"") }
  }

  @Test("The copy that the hub makes has a folder for each split; parts are read in their order")
  func converted() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let split = folder.appendingPathComponent("ARC-Easy/test")
    try FileManager.default.createDirectory(at: split, withIntermediateDirectories: true)
    let file = Self.folder + "/allenai/ai2_arc/ARC-Easy/test-00000-of-00001.parquet"
    for part in ["0000", "0001"] {
      try FileManager.default.copyItem(atPath: file, toPath: split.path + "/\(part).parquet")
    }
    let expected = try RecordedTasks().items(.arcEasy)
    #expect(try TaskData(.arcEasy, folder: folder.path, limit: nil).items == expected + expected)
    #expect(
      try TaskData(.arcEasy, folder: folder.path, limit: expected.count + 1).items.count == expected.count + 1)
  }

  @Test("A damaged file is named")
  func damaged() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let whole = try Data(
      contentsOf: URL(fileURLWithPath: Self.folder + "/baber/piqa/plain_text/validation-00000-of-00001.parquet"))
    try whole.prefix(whole.count - 100).write(to: folder.appendingPathComponent("piqa_validation.parquet"))
    #expect { try TaskEvaluation(["piqa"], folder: folder.path) } throws: {
      ($0 as? EvaluationError)?.code == .badData && "\($0)".contains("piqa_validation.parquet")
    }
  }
}
