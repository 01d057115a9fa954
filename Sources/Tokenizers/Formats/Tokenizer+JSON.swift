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

  /// The tokenizer of a model folder.
  ///
  /// `tokenizer.json` gives the tokens; `tokenizer_config.json` names the tokens that begin and end a text, and
  /// `generation_config.json` may name more that end it. Both of these may be absent.
  public convenience init(folder: String) throws {
    let folder = URL(fileURLWithPath: folder, isDirectory: true)
    let path = folder.appendingPathComponent("tokenizer.json").path
    var parts = try Self.parts(readFile(path), path)
    let config = try readJSONIfPresent(folder.appendingPathComponent("tokenizer_config.json").path)
    let generation = try readJSONIfPresent(folder.appendingPathComponent("generation_config.json").path)
    parts.applyConfiguration(config, generation: generation)
    self.init(parts)
  }

  private static func parts(_ bytes: [UInt8], _ file: String) throws -> TokenizerParts {
    do {
      return try TokenizerJSON(file: file, content: TokenizerJSONScanner.read(bytes)).parts()
    } catch let error as JSONError {
      throw TokenizerError(.malformedFile, "\(file): \(error)")
    }
  }
}

extension TokenizerParts {
  /// Takes what `tokenizer_config.json` and `generation_config.json` say about control tokens.
  mutating func applyConfiguration(_ config: JSONValue, generation: JSONValue) {
    bosID = id(named: config.field("bos_token"))
    eosIDs = [id(named: config.field("eos_token"))].compactMap { $0 }
    let stops = generation.field("eos_token_id")
    for id in stops.intValue.map({ [$0] }) ?? stops.elements.compactMap(\.intValue)
    where pieces[id] != nil && !eosIDs.contains(id) {
      eosIDs.append(id)
    }
    // Only the Llama classes rebuild the template of the file from these flags.
    guard config.field("tokenizer_class").stringValue?.hasPrefix("LlamaTokenizer") == true else { return }
    if case .bool(let adds) = config.field("add_bos_token") { template.prefix = adds ? [bosID].compactMap { $0 } : [] }
    if case .bool(let adds) = config.field("add_eos_token") {
      template.suffix = adds ? [eosIDs.first].compactMap { $0 } : []
    }
  }

  /// The id of a token given as a string or as an object with its content.
  private func id(named value: JSONValue) -> Int? {
    guard let name = value.stringValue ?? value.field("content").stringValue else { return nil }
    let id = pieces.id(of: Array(name.utf8))
    return id >= 0 ? Int(id) : nil
  }
}

func readJSONIfPresent(_ path: String) throws -> JSONValue {
  FileManager.default.fileExists(atPath: path) ? try readJSON(path) : .null
}

func readJSON(_ path: String) throws -> JSONValue { try parseJSON(readFile(path), path) }

/// The bytes of a file.
func readFile(_ path: String) throws -> [UInt8] {
  guard let data = FileManager.default.contents(atPath: path) else {
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
