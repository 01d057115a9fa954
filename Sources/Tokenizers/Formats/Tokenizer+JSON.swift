import Foundation
import JSONReader

extension Tokenizer {
  /// The tokenizer of a `tokenizer.json` file.
  public convenience init(tokenizerJSON path: String) throws {
    try self.init(tokenizerJSON: readFile(path), file: path)
  }

  /// The tokenizer of the bytes of a `tokenizer.json`; `file` names them in messages.
  public convenience init(tokenizerJSON bytes: [UInt8], file: String = "tokenizer.json") throws {
    try self.init(Self.parts(bytes, file))
  }

  /// The parts that a `tokenizer.json` gives.
  static func parts(_ bytes: [UInt8], _ file: String) throws -> TokenizerParts {
    do {
      return try TokenizerJSON(file: file, content: TokenizerJSONScanner.read(bytes)).parts()
    } catch let error as JSONError {
      throw TokenizerError(.malformedFile, "\(file): \(error)")
    }
  }
}

func readJSONIfPresent(_ path: String) throws -> JSONValue {
  FileManager.default.fileExists(atPath: path) ? try readJSON(path) : .null
}

func readJSON(_ path: String) throws -> JSONValue { try parseJSON(readFile(path), path) }

/// The bytes of a file.
func readFile(_ path: String) throws -> [UInt8] {
  guard let file = FileHandle(forReadingAtPath: path), let data = try? file.readToEnd() ?? Data() else {
    throw TokenizerError(.cannotReadFile, "\(path): cannot be read; check that the file exists")
  }
  return [UInt8](data)
}

func parseJSON(_ bytes: [UInt8], _ file: String) throws -> JSONValue {
  do {
    return try JSONValue.parse(bytes)
  } catch {
    throw TokenizerError(.malformedFile, "\(file): \(error)")
  }
}
