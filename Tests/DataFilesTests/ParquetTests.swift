import Foundation
import JSONReader
import Testing

@testable import DataFiles

/// Files recorded by Scripts/record_data_files.py.
enum Recorded {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    .path

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
  }

  static func rows(_ name: String) throws -> [JSONValue] {
    try JSONValue.parse(bytes(name + ".expected.json")).arrayValue ?? []
  }
}

@Suite("Parquet")
struct ParquetTests {
  static let names = [
    "questions", "questions-v2", "questions-gzip", "kinds", "kinds-dictionary", "kinds-v2", "kinds-delta",
    "kinds-delta-v2", "nested", "nested-v2", "empty",
  ]

  @Test("Rows are those that PyPI pyarrow reads", arguments: names)
  func rows(name: String) throws {
    let file = try ParquetFile(path: Recorded.folder + "/\(name).parquet")
    let expected = try Recorded.rows(name)
    var rows = try file.rows()
    #expect(file.rowCount == expected.count)
    for row in expected { #expect(try rows.next() == row) }
    #expect(try rows.next() == nil)
  }

  @Test("Fields may be chosen; a field that is not there is named")
  func fields() throws {
    let file = try ParquetFile(path: Recorded.folder + "/questions.parquet")
    #expect(file.fieldNames == ["id", "question", "choices", "answerKey"])
    var rows = try file.rows(fields: ["answerKey", "choices"])
    let first = try #require(try rows.next())
    #expect(first.objectValue?.map(\.key) == ["choices", "answerKey"])
    #expect(try first["choices"] == Recorded.rows("questions")[0]["choices"])
    #expect { _ = try file.rows(fields: ["label"]) } throws: {
      "\($0)".contains("\"label\"") && "\($0)".contains("choices")
    }
  }

  @Test("What is not read is named: another packing, bytes that are no text, another file")
  func unsupported() throws {
    func failure(_ name: String, fields: [String]? = nil) -> DataFileError? {
      do {
        var rows = try ParquetFile(path: Recorded.folder + "/" + name).rows(fields: fields)
        while try rows.next() != nil {}
        return nil
      } catch { return error as? DataFileError }
    }
    let brotli = failure("brotli.parquet")
    #expect(brotli?.code == .unsupported)
    #expect(brotli?.message.contains("Brotli") == true)
    #expect(brotli?.message.contains("brotli.parquet") == true)
    let bytes = failure("bytes.parquet")
    #expect(bytes?.code == .unsupported)
    #expect(bytes?.message.contains("column bytes") == true)
    #expect(failure("bytes.parquet", fields: ["text"]) == nil)
    #expect(failure("lines.jsonl")?.code == .malformed)
    #expect(failure("nothing.parquet")?.code == .missingFile)
  }
}
