import ArgumentParser
import Checkpoints
import Foundation
import Generation
import JSONReader
import LanguageModels
import Tokenizers

/// `vptq chat`: a conversation in the terminal.
struct ChatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat",
    abstract: "Talk with a model in the terminal.",
    discussion: """
      Example:
        vptq chat smollm2-2bit --system "Answer in one sentence."

      A line that ends with a backslash goes on in the next one. Ctrl-C stops the answer, Ctrl-D or /quit ends the program.
      /help lists the commands.
      """)

  @Argument(help: "A model folder, a .gguf file, or org/name of the hub.")
  var model: String

  @Option(help: "A system message.")
  var system: String?

  @OptionGroup(title: "Sampling") var sampling: SamplingArguments

  @Option(help: "The most tokens of an answer (default: as many as the context holds).")
  var maxTokens: Int?

  @Option(help: "The most positions of the conversation (default: the model's own).")
  var context: Int?

  @Flag(help: "Let control tokens spelled in messages be those tokens; by default they are plain text.")
  var allowControlTokens = false

  @OptionGroup(title: "Arithmetic") var runtime: RuntimeArguments
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let maxTokens, maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1, not \(maxTokens)") }
    if let context, context < 2 { throw ValidationError("--context must be at least 2, not \(context)") }
  }

  func run() async throws {
    common.apply()
    let (loaded, folder) = try await ModelArgument.load(model, quiet: common.quiet, options: runtime.options)
    common.show(try ModelRegistry.notices(folder))
    let tokenizer = try ModelArgument.tokenizer(folder)
    guard tokenizer.hasChatTemplate else {
      throw Failure(
        exit: .badData, code: "noTemplate", message: "\(folder.path) has no chat template",
        hint: "vptq generate continues a text as it is")
    }
    let options = GenerationOptions(sampling: sampling.options(seed: common.seed), maximumTokens: maxTokens)
    let engine = GenerationEngine(model: loaded, tokenizer: tokenizer, limits: EngineLimits(contextLength: context))
    let session = ChatSession(
      engine: engine, tokenizer: tokenizer, system: system, options: options, allowsControlTokens: allowControlTokens)
    let conversation = ChatConversation(session: session, system: system, common: common)
    try await conversation.run()
  }
}
