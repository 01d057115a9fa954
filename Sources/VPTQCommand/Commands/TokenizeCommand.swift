import ArgumentParser
import Checkpoints
import Foundation
import JSONReader
import Tokenizers

/// `vptq tokenize`: the tokens of a text, or the text of tokens.
struct TokenizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Show the ids, pieces and byte offsets of a text, or the text of ids.",
    discussion: """
      MODEL may also be a tokenizer file: tokenizer.json, a SentencePiece .model, a .tiktoken file or tekken.json.

      Example:
        vptq tokenize smollm2 "Hello world"
        vptq tokenize smollm2 --decode 19556,905
      """)

  @Argument(help: "A model folder, a .gguf file, a hub name, or a tokenizer file.")
  var model: String

  @Argument(help: "The text.")
  var text: String?

  @Flag(name: .customLong("stdin"), help: "Read the text from standard input.")
  var readsStandardInput = false

  @Option(help: ArgumentHelp("Show the text of these ids, with commas between.", valueName: "ids"))
  var decode: String?

  @Flag(
    name: .customLong("no-special-tokens"),
    help: "Add no control tokens, and take those spelled in the text as plain text; with --decode, leave them out.")
  var excludesSpecialTokens = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard [text != nil, readsStandardInput, decode != nil].count(where: { $0 }) == 1 else {
      throw ValidationError("give a text, or --stdin, or --decode IDS")
    }
  }

  func run() async throws {
    common.apply()
    let tokenizer = try await ModelArgument.tokenizer(at: model, quiet: common.quiet)
    if !common.quiet { for note in tokenizer.notes { Console.writeError("note: \(note)") } }
    if let decode {
      show(tokenizer, ids: try identifiers(decode))
    } else {
      try show(tokenizer, text: try text ?? standardInput())
    }
  }

  private func show(_ tokenizer: Tokenizer, ids: [Int]) {
    let text = tokenizer.decode(ids, skipSpecialTokens: excludesSpecialTokens)
    guard common.json else { return print(text) }
    let pieces = ids.map { tokenizer.piece(of: $0).map(JSONValue.string) ?? .null }
    let fields: JSONValue = [
      "text": .string(text), "ids": .array(ids.map(JSONValue.integer)), "pieces": .array(pieces),
    ]
    print(fields.serialized(pretty: true))
  }

  private func show(_ tokenizer: Tokenizer, text: String) throws {
    let spans = try tokenizer.encodeWithOffsets(
      text, addSpecialTokens: !excludesSpecialTokens, parseSpecialTokens: !excludesSpecialTokens)
    let pieces = spans.map { tokenizer.piece(of: $0.id) ?? "" }
    if common.json {
      let fields: JSONValue = [
        "ids": .array(spans.map { .integer($0.id) }), "pieces": .array(pieces.map(JSONValue.string)),
        "offsets": .array(spans.map { .array([.integer($0.start), .integer($0.end)]) }),
      ]
      print(fields.serialized(pretty: true))
      return
    }
    for (span, piece) in zip(spans, pieces) {
      // Escapes keep line ends and control characters of a piece on its line.
      print("\(span.id)\t\(span.start)..<\(span.end)\t\(JSONValue.string(piece).serialized())")
    }
  }

  private func identifiers(_ list: String) throws -> [Int] {
    try list.split(whereSeparator: { $0 == "," || $0.isWhitespace }).map { part in
      guard let id = Int(part), id >= 0 else {
        throw Failure(exit: .usage, code: "usage", message: "--decode: \(part) is not a token id")
      }
      return id
    }
  }

  private func standardInput() throws -> String {
    let bytes = try FileHandle.standardInput.readToEnd() ?? Data()
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(exit: .badData, code: "notUTF8", message: "standard input is not UTF-8")
    }
    return text
  }
}
