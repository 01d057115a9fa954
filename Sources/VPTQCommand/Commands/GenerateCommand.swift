import ArgumentParser
import ChatTemplates
import Checkpoints
import Foundation
import Generation
import JSONReader
import LanguageModels
import Tokenizers

/// `vptq generate`: stream a completion.
struct GenerateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Continue a prompt, or answer it with --chat.",
    discussion: """
      Examples:
        vptq generate smollm2-3bit -p "Once upon a time" --max-tokens 60
        vptq generate smollm2-3bit --chat -p "What is the capital of France?" --temperature 0
        echo "Dear friend," | vptq generate smollm2-3bit
      """)

  @Argument(help: "A model folder, a .gguf file, or org/name of the hub.")
  var model: String

  @OptionGroup(title: "Prompt") var prompt: PromptOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingArguments

  @Option(help: "The most tokens of the reply.")
  var maxTokens = 256

  @Option(help: "Ends the reply where it appears; repeatable.")
  var stop: [String] = []

  @Option(help: "Report the N most likely tokens of each place (with --json).")
  var logprobs: Int?

  @Option(help: "The most positions of prompt and reply (default: the model's own).")
  var context: Int?

  @OptionGroup(title: "Arithmetic") var runtime: RuntimeArguments

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard maxTokens >= 1 else { throw ValidationError("--max-tokens must be at least 1, not \(maxTokens)") }
    if let context, context < 2 { throw ValidationError("--context must be at least 2, not \(context)") }
    if let logprobs, !(0...20).contains(logprobs) {
      throw ValidationError("--logprobs must be between 0 and 20, not \(logprobs)")
    }
  }

  func run() async throws {
    common.apply()
    let start = ContinuousClock.now
    let (loaded, folder) = try await ModelArgument.load(model, quiet: common.quiet, options: runtime.options)
    common.show(try ModelRegistry.notices(folder))
    let tokenizer: Tokenizer? = prompt.needsTokenizer ? try ModelArgument.tokenizer(folder) : nil
    let loadSeconds = Double(start.duration(to: .now) / .seconds(1))
    let ids = try prompt.ids(folder: folder, tokenizer: tokenizer)
    let options = GenerationOptions(
      sampling: sampling.options(seed: common.seed), maximumTokens: maxTokens, stopStrings: stop,
      logProbabilityCount: logprobs)
    let generator = TextGenerator(model: loaded, tokenizer: tokenizer, contextLength: context)
    let interruption = Interruption()
    let streams = !common.json
    let result = try generator.generate(
      ids, options: options, isCancelled: { interruption.isRequested },
      onEvent: { event in
        guard streams else { return }
        switch event {
        case .text(let text): Console.write(text)
        case .token(let token) where tokenizer == nil: Console.write("\(token.id) ")
        default: break
        }
      })
    if common.json {
      print(Self.document(result, loadSeconds: loadSeconds, withLogprobs: logprobs != nil).serialized(pretty: true))
    } else {
      Console.write("\n")
      if !common.quiet {
        Console.writeError(
          "\(result.promptTokenCount) prompt tokens at \(Console.fixed(result.prefillTokensPerSecond, 1))/s, "
            + "\(result.tokens.count) tokens at \(Console.fixed(result.decodeTokensPerSecond, 1))/s, "
            + "loaded in \(Console.fixed(loadSeconds, 2)) s")
      }
    }
    if result.finishReason == .cancelled {
      throw Failure(exit: .interrupted, code: "interrupted", message: "interrupted")
    }
  }

  private static func document(_ result: GenerationResult, loadSeconds: Double, withLogprobs: Bool) -> JSONValue {
    var fields: [(key: String, value: JSONValue)] = [
      ("text", .string(result.text)), ("token_ids", .array(result.tokens.map { .integer($0.id) })),
      ("prompt_tokens", .integer(result.promptTokenCount)), ("completion_tokens", .integer(result.tokens.count)),
      ("finish_reason", .string(result.finishReason.rawValue)),
      (
        "timings",
        .object([
          ("load_seconds", .number(loadSeconds)),
          ("prefill_tokens_per_second", .number(result.prefillTokensPerSecond)),
          ("decode_tokens_per_second", .number(result.decodeTokensPerSecond)),
        ])
      ),
    ]
    if withLogprobs {
      let lists = result.tokens.map { token -> JSONValue in
        let top = token.topLogProbabilities.map {
          JSONValue.object([("id", .integer($0.id)), ("logprob", .number($0.value))])
        }
        return .object([
          ("id", .integer(token.id)), ("logprob", token.logProbability.map(JSONValue.number) ?? .null),
          ("top", .array(top)),
        ])
      }
      fields.append(("logprobs", .array(lists)))
    }
    return .object(fields)
  }
}
