import ChatTemplates
import Foundation
import JSONReader

extension Tokenizer {
  /// The tokenizer of a model folder.
  ///
  /// `tokenizer.json` gives the tokens, or where it is absent one of `tokenizer.model` (SentencePiece, or Llama 3's
  /// ranks), `tekken.json`, a `.tiktoken` file, or `vocab.json` with `merges.txt`. `tokenizer_config.json` names the
  /// tokens that begin and end a text, and `generation_config.json` may name more that end it; both may be absent, as
  /// may the chat template.
  public convenience init(folder: String) throws {
    let files = TokenizerFolder(path: folder)
    var parts = try files.parts()
    let config = try readJSONIfPresent(files.path("tokenizer_config.json"))
    let generation = try readJSONIfPresent(files.path("generation_config.json"))
    parts.applyConfiguration(config, generation: generation)
    let isLegacy = config.field("added_tokens_decoder").isNull
    parts.namedTokens = NamedTokens(
      config, legacy: isLegacy ? try readJSONIfPresent(files.path("special_tokens_map.json")) : .null)
    parts.chatTemplates = try files.chatTemplates(config)
    self.init(parts)
  }

  /// The tokenizer of one file: `tokenizer.json`, a SentencePiece `.model`, ranks, or `tekken.json`; the content tells
  /// which.
  public convenience init(file path: String) throws {
    self.init(
      try withFile(path) { bytes in
        guard bytes.first == 0x7b || bytes.first == 0xef || bytes.first == 0x20 else {
          return try TokenizerFolder.modelParts(Array(bytes), path)
        }
        let isTekken = (path as NSString).lastPathComponent.hasPrefix("tekken")
        return try isTekken ? RankVocabulary(tekken: Array(bytes), file: path).parts() : Self.parts(bytes, path)
      })
  }

  /// Whether a folder has a file that `init(folder:)` reads.
  public static func isPresent(inFolder folder: String) -> Bool { TokenizerFolder(path: folder).file != nil }
}

/// The files of a model folder that make a tokenizer.
struct TokenizerFolder {
  enum File {
    case json(String)
    case model(String)
    case tekken(String)
    case ranks(String)
    case pairs(vocabulary: String, merges: String)
  }

  private let folder: URL

  init(path: String) { folder = URL(fileURLWithPath: path, isDirectory: true) }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  private func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  /// The file that has the tokens.
  var file: File? {
    if has("tokenizer.json") { return .json(path("tokenizer.json")) }
    if has("tokenizer.model") { return .model(path("tokenizer.model")) }
    if has("tekken.json") { return .tekken(path("tekken.json")) }
    if has("vocab.json"), has("merges.txt") {
      return .pairs(vocabulary: path("vocab.json"), merges: path("merges.txt"))
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().first { $0.hasSuffix(".tiktoken") }.map { .ranks(path($0)) }
  }

  func parts() throws -> TokenizerParts {
    switch file {
    case .json(let path): return try withFile(path) { try Tokenizer.parts($0, path) }
    case .tekken(let path): return try RankVocabulary(tekken: readFile(path), file: path).parts()
    case .ranks(let path): return try RankVocabulary(ranks: readFile(path), file: path).parts()
    case .model(let path): return try Self.modelParts(readFile(path), path)
    case .pairs(let vocabulary, let merges): return try pairs(vocabulary, merges)
    case nil:
      throw TokenizerError(
        .cannotReadFile,
        "\(path("tokenizer.json")): cannot be read; the folder needs it, or a tokenizer.model, tekken.json, .tiktoken "
          + "file, or vocab.json with merges.txt")
    }
  }

  /// A SentencePiece model begins with the tag of its first piece, which no line of base 64 does.
  static func modelParts(_ bytes: [UInt8], _ file: String) throws -> TokenizerParts {
    bytes.first == 0x0a
      ? try SentencePieceModel(bytes, file: file).parts() : try RankVocabulary(ranks: bytes, file: file).parts()
  }

  /// GPT-2's own files.
  private func pairs(_ vocabularyPath: String, _ mergesPath: String) throws -> TokenizerParts {
    guard case .object(let entries) = try readJSON(vocabularyPath) else {
      throw TokenizerError(.malformedFile, "\(vocabularyPath): not an object of tokens and ids")
    }
    var table = BytePairVocabulary(file: vocabularyPath)
    for entry in entries {
      guard let id = entry.value.intValue else {
        throw TokenizerError(.malformedFile, "\(vocabularyPath): the id of \"\(entry.key)\" is not an integer")
      }
      try table.vocabulary.pieces.append(entry.key.utf8, id: id)
      if entry.key == "<|endoftext|>" {
        table.vocabulary.addedTokens.append(AddedToken(id: id, content: Array(entry.key.utf8), special: true))
      }
    }
    for (number, line) in try readFile(mergesPath).split(separator: 0x0a).enumerated()
    where !(number == 0 && line.starts(with: Array("#version".utf8))) {
      guard try table.merges.append(spaced: line) else {
        throw TokenizerError(
          .malformedFile, "\(mergesPath): line \(number + 1) is not two tokens with one space between")
      }
    }
    let (model, cuts) = try table.model()
    return TokenizerParts(
      pieces: TokenSpellings(model.vocabulary), model: .bytePairEncoding(model), cuts: cuts,
      addedTokens: table.vocabulary.addedTokens, normalizer: nil, preTokenizerSteps: [.known(.gpt2)],
      decoder: TokenDecoder(steps: [.byteLevel]))
  }

  func chatTemplates(_ config: JSONValue) throws -> ChatTemplate.Source {
    func text(_ name: String) throws -> String { String(decoding: try readFile(path(name)), as: UTF8.self) }
    let others = "additional_chat_templates"
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: path(others))) ?? []).sorted()
    let additional = try names.filter { $0.hasSuffix(".jinja") }.map {
      (name: String($0.dropLast(".jinja".count)), text: try text(others + "/" + $0))
    }
    let value = config.field("chat_template")
    return ChatTemplate.Source(
      templateFile: has("chat_template.jinja") ? try text("chat_template.jinja") : nil, additional: additional,
      configurationValue: value.isNull ? nil : try? TemplateValue(json: value.serialized()))
  }
}

extension TokenizerParts {
  /// Takes what `tokenizer_config.json` and `generation_config.json` say about control tokens.
  mutating func applyConfiguration(_ config: JSONValue, generation: JSONValue) {
    bosID = id(named: config.field("bos_token")) ?? bosID
    if let end = id(named: config.field("eos_token")) { eosIDs = [end] }
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
