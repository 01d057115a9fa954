import ArgumentParser
import Checkpoints
import Evaluation
import Foundation
import JSONReader
import LanguageModels
import Tensors
import Tokenizers

/// `vptq evaluate`: accuracy.
struct EvaluateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a model's perplexity on a text.",
    discussion: "Example:\n  vptq evaluate smollm2-3bit --perplexity wiki.test.raw --context 2048 --windows 6")

  @Argument(help: "A model folder, a .gguf file, or org/name of the hub.")
  var model: String

  @Option(help: ArgumentHelp("The text to measure on.", valueName: "file"))
  var perplexity: String

  @Option(help: "Tokens in one window; windows do not overlap, the remainder is dropped.")
  var context = 2048

  @Option(help: "The most windows (default: all).")
  var windows: Int?

  @Option(help: "Tokens in one forward pass; 1 measures the path that decoding takes.")
  var tokensPerPass = 128

  @Flag(help: "Put the model's begin token before every window.")
  var bos = false

  @OptionGroup(title: "Arithmetic") var runtime: RuntimeArguments

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard context >= 2 else { throw ValidationError("--context must be at least 2, not \(context)") }
    guard (1...4096).contains(tokensPerPass) else {
      throw ValidationError("--tokens-per-pass must be between 1 and 4096, not \(tokensPerPass)")
    }
    if let windows, windows < 1 { throw ValidationError("--windows must be at least 1, not \(windows)") }
  }

  func run() async throws {
    common.apply()
    guard let data = FileManager.default.contents(atPath: perplexity) else {
      throw Failure(exit: .missingInput, code: "missingInput", message: "cannot read the text \(perplexity)")
    }
    let (loaded, folder) = try await ModelArgument.load(model, quiet: common.quiet, options: runtime.options)
    common.show(try ModelRegistry.notices(folder))
    let tokenizer = try ModelArgument.tokenizer(folder)
    let ids = try tokenizer.encode(String(decoding: data, as: UTF8.self), addSpecialTokens: false)
    let begin = bos ? loaded.configuration.beginTokenID : nil
    if bos, begin == nil {
      throw Failure(exit: .badData, code: "noBeginToken", message: "\(folder.path) names no begin token for --bos")
    }
    let interruption = Interruption()
    let progress = ConsoleProgress(quiet: common.quiet)
    var measurement = Perplexity(context: context, windowLimit: windows, beginTokenID: begin)
    measurement.tokensPerPass = tokensPerPass
    let result = try measurement.measure(
      loaded, on: ids, progress: progress, isCancelled: { interruption.isRequested })
    progress.clear()
    if common.json {
      let fields = JSONValue.object([
        ("value", .number(result.value)), ("tokens", .integer(result.tokens)), ("windows", .integer(result.windows)),
        ("context", .integer(result.context)), ("stride", .integer(result.stride)), ("bos", .bool(result.bos)),
        ("dropped_tokens", .integer(result.droppedTokens)),
      ])
      print(JSONValue.object([("perplexity", fields)]).serialized(pretty: true))
    } else {
      print(
        "perplexity \(Console.fixed(result.value, 4)) over \(result.tokens) tokens: \(result.windows) windows of "
          + "\(result.context), no overlap, \(result.bos ? "begin token before each" : "no begin token"), "
          + "\(result.droppedTokens) tokens left out")
    }
  }
}
