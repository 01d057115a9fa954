import ArgumentParser
import ChatTemplates
import Checkpoints
import Foundation
import JSONReader
import Tokenizers

/// Where a prompt comes from.
struct PromptOptions: ParsableArguments {
  @Option(name: [.customShort("p"), .customLong("prompt")], help: "The prompt.")
  var text: String?

  @Option(help: "A file that holds the prompt.")
  var promptFile: String?

  @Option(help: "The prompt as token ids, separated by commas; needs no tokenizer.")
  var promptIds: String?

  @Flag(help: "Put the prompt into the model's chat template as a user's message.")
  var chat = false

  @Option(help: "A system message for --chat.")
  var system: String?

  @Flag(help: "With --chat, let control tokens spelled in messages be those tokens; by default they are plain text.")
  var allowControlTokens = false

  func validate() throws {
    guard [text != nil, promptFile != nil, promptIds != nil].count(where: \.self) <= 1 else {
      throw ValidationError("give one of -p, --prompt-file and --prompt-ids")
    }
    if let promptIds { _ = try Self.parse(promptIds) }
    if chat, promptIds != nil { throw ValidationError("--chat needs a text, not --prompt-ids") }
    if system != nil, !chat { throw ValidationError("--system goes with --chat") }
    if allowControlTokens, !chat { throw ValidationError("--allow-control-tokens goes with --chat") }
  }

  private static func parse(_ list: String) throws -> [Int] {
    try list.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let id = Int(part.trimmingCharacters(in: .whitespaces)), id >= 0 else {
        throw ValidationError("--prompt-ids takes ids like 1,2,3; \"\(part)\" is none")
      }
      return id
    }
  }

  /// Whether the prompt is text.
  var needsTokenizer: Bool { promptIds == nil }

  /// The prompt's token ids.
  func ids(folder: ModelDirectory, tokenizer: Tokenizer?) throws -> [Int] {
    if let promptIds { return try Self.parse(promptIds) }
    guard let tokenizer else { return [] }
    let content = try content()
    guard chat else { return try tokenizer.encode(content) }
    var messages: [TemplateValue] = []
    if let system { messages.append(.message(role: "system", content: system)) }
    messages.append(.message(role: "user", content: content))
    do {
      return try tokenizer.applyChatTemplate(messages: messages, allowsControlTokens: allowControlTokens)
    } catch let error as TemplateError where error.code == .noTemplate {
      throw Failure(
        exit: .badData, code: "noTemplate", message: "\(folder.path) has no chat template",
        hint: "leave --chat out to continue the text as it is")
    }
  }

  private func content() throws -> String {
    if let text { return text }
    if let promptFile {
      guard let data = FileManager.default.contents(atPath: promptFile) else {
        throw Failure(exit: .missingInput, code: "missingInput", message: "cannot read the prompt file \(promptFile)")
      }
      return String(decoding: data, as: UTF8.self)
    }
    if isatty(STDIN_FILENO) == 1 {
      throw Failure(
        exit: .usage, code: "usage", message: "there is no prompt", hint: "give -p TEXT, --prompt-file, or pipe text in"
      )
    }
    return String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
  }
}
