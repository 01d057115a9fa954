import DataFiles
import Foundation
import JSONReader

/// A text to measure on: a file as it is, or one that the field calls by a name.
public struct EvaluationText: Sendable {
  /// What the user called it.
  public let name: String
  /// The text.
  public let text: String
  /// What the user should know, one sentence each.
  public let notices: [String]

  /// Runs of characters that are not white space.
  public var words: Int { text.unicodeScalars.split { $0.properties.isWhitespace }.count }
  /// UTF-8 bytes.
  public var bytes: Int { text.utf8.count }

  /// Where the rows of a named text are published; nil for what is no name.
  public static func published(_ argument: String) -> PublishedData? {
    [wikiText, c4].first { $0.name == argument }
  }

  private static let wikiText = PublishedData(
    "wikitext2", "Salesforce/wikitext", ["wikitext-2-raw-v1/test"],
    fileNames: ["wikitext2_test", "wikitext-2-raw-v1_test"])
  private static let c4 = PublishedData(
    "c4", "allenai/c4", ["en/c4-validation.00000-of-00008"],
    fileNames: ["c4-validation.00000-of-00008", "c4_en_validation_first", "c4_validation", "c4"])

  /// `wikitext2`: the rows of WikiText-2's test split joined by blank lines, from `wiki.test.raw` or the rows themselves. `c4`: the
  /// first 1100 documents of C4's English validation split joined by spaces. `folders` are searched for both. Anything else is
  /// a file: rows with a `text` field (`.jsonl`, `.json`, `.parquet`), which are joined by blank lines, or plain text; packed or not.
  ///
  /// - Throws: `EvaluationError`: `missingFile` says which names were looked for, `badData`.
  public init(_ argument: String, folders: [String]) throws {
    let made =
      switch argument {
      case Self.wikiText.name: try EvaluationError.reading { try Self.joinedWikiText(folders) }
      case Self.c4.name: try EvaluationError.reading { try Self.joinedC4(folders) }
      default: try EvaluationError.reading { try Self.file(argument) }
      }
    name = argument
    text = made.text
    notices = made.notices
  }

  private typealias Made = (text: String, notices: [String])

  private static func file(_ path: String) throws -> Made {
    let file = DataFile(path: path)
    guard file.form == .text else {
      let texts = try texts([file])
      return (texts.joined(separator: "\n\n"), [])
    }
    let bytes = try file.bytes()
    let text = String(decoding: bytes, as: UTF8.self)
    let isValid = text.utf8.count == bytes.count && text.utf8.elementsEqual(bytes)
    return (text, isValid ? [] : ["\(path) is not valid UTF-8; bad bytes are replaced by U+FFFD"])
  }

  private static func joinedWikiText(_ folders: [String]) throws -> Made {
    for folder in folders {
      for name in ["wiki.test.raw", "wikitext-2-raw/wiki.test.raw", "wikitext2/wiki.test.raw"] {
        for ending in ["", ".gz", ".zst"] where FileManager.default.fileExists(atPath: "\(folder)/\(name)\(ending)") {
          return (try rows(ofWikiText: "\(folder)/\(name)\(ending)").joined(separator: "\n\n"), [])
        }
      }
    }
    return (try texts(find(wikiText, folders, also: "wiki.test.raw")).joined(separator: "\n\n"), [])
  }

  /// Rows of the data set are lines with their ends, blank ones without.
  private static func rows(ofWikiText path: String) throws -> [String] {
    let text = String(decoding: try DataFile(path: path).bytes(), as: UTF8.self)
    var rows = text.split(separator: "\n", omittingEmptySubsequences: false).map {
      $0.allSatisfy(\.isWhitespace) ? "" : $0 + "\n"
    }
    if rows.last == "" { rows.removeLast() }
    guard !rows.isEmpty else { throw EvaluationError(.badData, "\(path) is empty") }
    return rows
  }

  /// Documents of C4 that are joined.
  private static let documents = 1100

  private static func joinedC4(_ folders: [String]) throws -> Made {
    let files = try find(c4, folders)
    let texts = try texts(files, limit: documents)
    let path = files.map(\.path).joined(separator: ", ")
    return (
      texts.joined(separator: " "),
      texts.count == documents
        ? [] : ["\(path) has \(texts.count) documents; the usual evaluation joins the first \(documents)"]
    )
  }

  private static func find(
    _ data: PublishedData, _ folders: [String], also name: String? = nil
  ) throws -> [DataFile] {
    for folder in folders { if let files = data.files(in: folder) { return files } }
    guard folders.isEmpty else { throw data.missing(in: folders, also: name) }
    throw EvaluationError(
      .missingFile, "\(data.name) needs a folder with its data, --data, or what \(data.pullCommand) pulls")
  }

  /// The `text` fields of rows, at most `limit`.
  private static func texts(_ files: [DataFile], limit: Int = .max) throws -> [String] {
    var texts: [String] = []
    for file in files where texts.count < limit {
      try file.forEach(fields: file.form == .parquet ? ["text"] : nil) { row, place in
        guard let text = row["text"]?.stringValue else {
          throw EvaluationError(.badData, "\(place): there is no \"text\"")
        }
        texts.append(text)
        return texts.count < limit
      }
    }
    guard !texts.isEmpty else {
      throw EvaluationError(.badData, "\(files.map(\.path).joined(separator: ", ")) has no documents")
    }
    return texts
  }
}
