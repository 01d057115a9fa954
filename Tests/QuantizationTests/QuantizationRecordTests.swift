import Checkpoints
import Foundation
import JSONReader
import LanguageModels
import TestSupport
import Testing

@testable import Quantization

@Suite("Record of a quantization")
struct QuantizationRecordTests {
  private func record(_ errors: [Double]) -> QuantizationRecord {
    QuantizationRecord(
      matrices: errors.enumerated().map {
        MatrixReport(
          name: "m\($0)", shape: [4, 8], preset: "v4-k16", indexBits: 32, codebookBits: 16, storedBits: 64,
          relativeError: $1, steps: [("nearest", 1), ("feedback", $1)], seconds: 1, notices: ["note \($0)"])
      })
  }

  @Test("Quality collapses above 0.5, or at ten times the median, but not where little is lost")
  func collapse() {
    #expect(record([0.01, 0.02, 0.01, 0.3, 0.02, 0.6]).collapsed.map(\.name) == ["m3", "m5"])
    #expect(record([0.0001, 0.0001, 0.01]).collapsed.isEmpty)
    #expect(record([0.55, 0.5, 0.6]).collapsed.map(\.name) == ["m0", "m2"])
    #expect(record([]).collapsed.isEmpty)
  }

  @Test("Sums are over all weights; a matrix reads back as it was written")
  func fields() throws {
    let record = record([0.1, 0.3])
    let json = try JSONValue.parse([UInt8](JSONValue.object(record.fields).serialized().utf8))
    #expect(json["bits_per_weight"]?.doubleValue == 2 && json["index_bits_per_weight"]?.doubleValue == 1)
    #expect(json["codebook_bits_per_weight"]?.doubleValue == 0.5 && json["mean_relative_error"]?.doubleValue == 0.2)
    let layer = try #require(json["layers"]?.arrayValue?.last.flatMap(MatrixReport.init))
    #expect(layer.name == "m1" && layer.relativeError == 0.3 && layer.notices == ["note 1"])
    #expect(layer.steps.map(\.name) == ["nearest", "feedback"] && layer.steps.map(\.relativeError) == [1, 0.3])
  }

  @Test("A tuned folder keeps the record and says what tuning did; without a record there is none")
  func tuning() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (from, to) = (folder.appendingPathComponent("a").path, folder.appendingPathComponent("b").path)
    try QuantizationRecord.copy(from: from, to: to, adding: .string("one"))
    #expect(!FileManager.default.fileExists(atPath: to))
    try record([0.1]).write(to: from)
    try QuantizationRecord.copy(from: from, to: to, adding: .string("one"))
    try QuantizationRecord.copy(from: to, to: to, adding: .string("two"))
    let json = try JSONFile.read(to + "/quantization.json")
    #expect(json["tuning"]?.stringValue == "two" && json["layers"]?.arrayValue?.count == 1)
  }
}
