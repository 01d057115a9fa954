import Foundation
import TestSupport
import Testing

@testable import Evaluation

@Suite("Texts to measure on")
struct EvaluationTextTests {
  private func folder(_ files: [String: String]) throws -> URL {
    let folder = try SharedData.temporaryFolder()
    for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
    return folder
  }

  @Test("wikitext2 joins the rows of the data set by blank lines")
  func wikiText() throws {
    let folder = try folder(["wiki.test.raw": " \n = Title = \n \n A line .\n"])
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = try EvaluationText("wikitext2", folders: [folder.path])
    // "\n\n".join(["", " = Title = \n", "", " A line .\n"]), as `datasets` has the rows.
    #expect(text.text == "\n\n = Title = \n\n\n\n\n A line .\n")
    // =, Title, =, A, line and a full stop.
    #expect(text.words == 6)
  }

  @Test(
    "WikiText-2 has the 4358 rows of the hub",
    .enabled(if: SharedData.isAvailable && SharedData.hasZstd, "\(SharedData.skipMessage), and zstd"))
  func wholeWikiText() throws {
    let folder = try folder(["wiki.test.raw": try SharedData.text("data/eval/wiki.test.raw.zst")])
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = try EvaluationText("wikitext2", folders: [folder.path])
    // The file plus two line ends between rows, less the blank lines' " \n": 4358 rows, 1467 of them blank.
    #expect(text.bytes == 1_290_590 + 2 * 4357 - 2 * 1467)
  }

  @Test("c4 joins documents by spaces; other .jsonl files by blank lines; other files are taken as they are")
  func c4() throws {
    let lines = "{\"text\": \"one\"}\n\n{\"text\": \"two\"}\n"
    let folder = try folder(["c4_validation.jsonl": lines, "a.txt": "x\r\ny"])
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = try EvaluationText("c4", folders: [folder.path])
    #expect(text.text == "one two")
    #expect(text.notices.first?.contains("2 documents") == true)
    #expect(try EvaluationText(folder.path + "/c4_validation.jsonl", folders: []).text == "one\n\ntwo")
    #expect(try EvaluationText(folder.path + "/a.txt", folders: []).text == "x\r\ny")
  }

  @Test("What is missing or damaged is named")
  func damaged() throws {
    let folder = try folder(["c4_validation.jsonl": "{\"text\": \"one\"}\n{\"txt\"", "b": ""])
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect { try EvaluationText("wikitext2", folders: [folder.path]) } throws: {
      ($0 as? EvaluationError)?.code == .missingFile && "\($0)".contains("wiki.test.raw")
    }
    #expect { try EvaluationText("c4", folders: [folder.path]) } throws: {
      ($0 as? EvaluationError)?.code == .badData && "\($0)".contains("line 2")
    }
    #expect { try EvaluationText(folder.path + "/none", folders: []) } throws: {
      ($0 as? EvaluationError)?.code == .missingFile
    }
  }
}
