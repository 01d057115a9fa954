import Foundation
import JSONReader

extension Tokenizer {
  /// The tokenizer of a `tokenizer.json` file.
  public convenience init(tokenizerJSON path: String) throws {
    self.init(try withFile(path) { try Self.parts($0, path) })
  }

  /// The tokenizer of the bytes of a `tokenizer.json`; `file` names them in messages.
  public convenience init(tokenizerJSON bytes: [UInt8], file: String = "tokenizer.json") throws {
    self.init(try bytes.withUnsafeBufferPointer { try Self.parts($0, file) })
  }

  /// The parts that a `tokenizer.json` gives.
  static func parts(_ bytes: UnsafeBufferPointer<UInt8>, _ file: String) throws -> TokenizerParts {
    do {
      return try TokenizerJSON(file: file, content: TokenizerJSONContent(reading: bytes)).parts()
    } catch let error as JSONError {
      throw TokenizerError(.malformedFile, "\(file): \(error)")
    }
  }
}

func readJSONIfPresent(_ path: String) throws -> JSONValue {
  FileManager.default.fileExists(atPath: path) ? try readJSON(path) : .null
}

func readJSON(_ path: String) throws -> JSONValue { try parseJSON(readFile(path), path) }

func parseJSON(_ bytes: [UInt8], _ file: String) throws -> JSONValue {
  do {
    return try JSONValue.parse(bytes)
  } catch {
    throw TokenizerError(.malformedFile, "\(file): \(error)")
  }
}
