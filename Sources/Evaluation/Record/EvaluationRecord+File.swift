import Foundation
import JSONReader

extension EvaluationRecord {
  /// Reads a file that `write(to:)` or `vptq evaluate --save` wrote.
  ///
  /// - Throws: `EvaluationError` (`missingFile`, `badRecord`) naming the file.
  public init(file path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw EvaluationError(.missingFile, "cannot read the evaluation record \(path)")
    }
    do {
      try self.init(try JSONValue.parse([UInt8](data)))
    } catch let error as JSONError {
      throw EvaluationError(.badRecord, "\(path) is \(error)")
    } catch let error as EvaluationError {
      throw EvaluationError(error.code, "\(path): \(error.message)")
    }
  }

  /// Writes the document under a temporary name, then renames it.
  ///
  /// - Throws: `EvaluationError` (`cannotWrite`) naming the file.
  public func write(to path: String) throws {
    try AtomicFile.write([UInt8]((json.serialized(pretty: true) + "\n").utf8), to: path)
  }
}

/// Files that are there whole or not at all.
enum AtomicFile {
  /// Writes under a temporary name beside `path`, then renames.
  ///
  /// - Throws: `EvaluationError` (`cannotWrite`) naming the file.
  static func write(_ bytes: [UInt8], to path: String) throws {
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw EvaluationError(
        .cannotWrite, "cannot write \(path): \((error as any Error).localizedDescription)")
    }
  }
}
