import Foundation
package import JSONReader
import Tensors

/// JSON files of a model folder.
package enum JSONFile {
  /// The value in the file at `path`.
  ///
  /// - Throws: `CheckpointError` that names the path if the file is absent or not JSON.
  package static func read(_ path: String) throws -> JSONValue {
    guard FileManager.default.fileExists(atPath: path) else {
      throw CheckpointError(.missingFile, "there is no file \(path)")
    }
    let file = try MappedFile(path: path)
    do {
      return try withExtendedLifetime(file) { try JSONValue.parse(file.bytes) }
    } catch let error as JSONError {
      throw CheckpointError(.malformedFile, "\(path): \(error)")
    }
  }

  /// Writes `value`, indented and ended by a newline, complete or not at all.
  package static func write(_ value: JSONValue, to path: String) throws {
    try AtomicFile.write(Array((value.serialized(pretty: true) + "\n").utf8), to: path)
  }
}
