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

/// The bytes of a file, copied once.
func readFile(_ path: String) throws -> [UInt8] {
  let failure = TokenizerError(.cannotReadFile, "\(path): cannot be read; check that the file exists")
  guard let file = fopen(path, "rb") else { throw failure }
  defer { fclose(file) }
  var status = stat()
  guard fstat(fileno(file), &status) == 0 else { throw failure }
  guard status.st_size < TextSpans.longestFile else {
    throw TokenizerError(.malformedFile, "\(path): \(status.st_size) bytes are too many for a tokenizer's file")
  }
  var bytes: [UInt8] = []
  // One byte more than the file has shows its end; what is no regular file may have more than its size says.
  var room = Int(status.st_size) + 1
  while true {
    let part = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      count = fread(buffer.baseAddress, 1, buffer.count, file)
    }
    bytes = bytes.isEmpty ? part : bytes + part
    if part.count < room { break }
    room = 1 << 16
  }
  guard ferror(file) == 0 else { throw failure }
  return bytes
}

func parseJSON(_ bytes: [UInt8], _ file: String) throws -> JSONValue {
  do {
    return try JSONValue.parse(bytes)
  } catch {
    throw TokenizerError(.malformedFile, "\(file): \(error)")
  }
}
