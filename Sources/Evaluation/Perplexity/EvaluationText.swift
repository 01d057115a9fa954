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

  /// `wikitext2`: the rows of WikiText-2's test split joined by blank lines, from `wiki.test.raw`. `c4`: the first 1100 documents
  /// of C4's English validation split joined by spaces, from `.json` or `.jsonl` lines with a `text` field. `folders` are searched for
  /// both. Anything else is a file: `.jsonl` with a `text` field, whose documents are joined by blank lines, or plain text.
  ///
  /// - Throws: `EvaluationError`: `missingFile` says which names were looked for, `badData`.
  public init(_ argument: String, folders: [String]) throws {
    switch argument {
    case "wikitext2": try self.init(wikiText: argument, folders)
    case "c4": try self.init(c4: argument, folders)
    default:
      guard let data = FileManager.default.contents(atPath: argument) else {
        throw EvaluationError(.missingFile, "cannot read the text \(argument)")
      }
      if argument.lowercased().hasSuffix(".jsonl") {
        self.init(
          name: argument, text: try JSONLines(data, path: argument).texts().joined(separator: "\n\n"), notices: [])
      } else {
        let text = String(decoding: data, as: UTF8.self)
        let isValid = text.utf8.count == data.count && text.utf8.elementsEqual(data)
        self.init(
          name: argument, text: text,
          notices: isValid ? [] : ["\(argument) is not valid UTF-8; bad bytes are replaced by U+FFFD"])
      }
    }
  }

  private init(name: String, text: String, notices: [String]) {
    self.name = name
    self.text = text
    self.notices = notices
  }

  private init(wikiText name: String, _ folders: [String]) throws {
    let (path, data) = try Self.find(
      ["wiki.test.raw", "wikitext-2-raw/wiki.test.raw", "wikitext2/wiki.test.raw"], name, folders,
      "the raw form of WikiText-2, file wiki.test.raw")
    // Rows of the data set are lines with their ends, blank ones without.
    var rows = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map {
      $0.allSatisfy(\.isWhitespace) ? "" : $0 + "\n"
    }
    if rows.last == "" { rows.removeLast() }
    guard !rows.isEmpty else { throw EvaluationError(.badData, "\(path) is empty") }
    self.init(name: name, text: rows.joined(separator: "\n\n"), notices: [])
  }

  /// Documents of C4 that are joined.
  private static let documents = 1100

  private init(c4 name: String, _ folders: [String]) throws {
    let (path, data) = try Self.find(
      [
        "c4-validation.00000-of-00008.json", "c4_en_validation_first.jsonl", "c4_validation.jsonl", "c4.jsonl",
        "en/c4-validation.00000-of-00008.json",
      ], name, folders, "the first part of C4's English validation split, unpacked")
    let texts = try JSONLines(data, path: path).texts(limit: Self.documents)
    self.init(
      name: name, text: texts.joined(separator: " "),
      notices: texts.count == Self.documents
        ? [] : ["\(path) has \(texts.count) documents; the usual evaluation joins the first \(Self.documents)"])
  }

  private static func find(
    _ names: [String], _ argument: String, _ folders: [String], _ what: String
  ) throws -> (path: String, data: Data) {
    for folder in folders {
      for name in names {
        let path = folder + "/" + name
        if let data = FileManager.default.contents(atPath: path) { return (path, data) }
      }
    }
    throw EvaluationError(
      .missingFile,
      "\(argument) needs \(what); looked for \(names.joined(separator: ", ")) in "
        + "\(folders.isEmpty ? "no folder" : folders.joined(separator: ", ")): give its folder with --data")
  }
}
