import Foundation
import JSONReader

/// A file with one JSON document to a line.
struct JSONLines {
  let path: String
  private let lines: [ArraySlice<UInt8>]

  init(_ data: Data, path: String) {
    self.path = path
    lines = [UInt8](data).split(separator: UInt8(ascii: "\n"))
  }

  /// The documents, at most `limit`.
  ///
  /// - Throws: `EvaluationError` (`badData`) naming the line.
  func documents(limit: Int = .max) throws -> [JSONValue] {
    var documents: [JSONValue] = []
    for (number, line) in lines.enumerated() where documents.count < limit {
      if line.allSatisfy({ $0 <= 0x20 }) { continue }
      do {
        documents.append(try JSONValue.parse(Array(line)))
      } catch {
        throw EvaluationError(.badData, "\(path), line \(number + 1): \(error)")
      }
    }
    return documents
  }

  /// The `text` fields, at most `limit`.
  func texts(limit: Int = .max) throws -> [String] {
    let texts = try documents(limit: limit).enumerated().map { index, document in
      guard let text = document["text"]?.stringValue else {
        throw EvaluationError(.badData, "\(path), document \(index + 1) has no \"text\"")
      }
      return text
    }
    guard !texts.isEmpty else { throw EvaluationError(.badData, "\(path) has no documents") }
    return texts
  }
}
