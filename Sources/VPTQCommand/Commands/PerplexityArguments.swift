import ArgumentParser
import Checkpoints
import Evaluation
import LanguageModels

/// On which text perplexity is measured, and how it is cut.
struct PerplexityArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The text to measure on: a file, or wikitext2 or c4 from the folder of --data or the hub.", valueName: "text"))
  var perplexity: String?

  @Option(help: "Tokens in one window; windows do not overlap, the remainder is dropped.")
  var context = 2048

  @Option(
    help:
      "Tokens from one window to the next; fewer than --context let windows overlap, so that every token is scored once."
  )
  var stride: Int?

  @Option(help: "The most windows (default: all).")
  var windows: Int?

  @Option(help: "Tokens in one forward pass; 1 measures the path that decoding takes.")
  var tokensPerPass = 128

  @Flag(help: "Put the model's begin token before every window.")
  var bos = false

  @Flag(help: "Add the tokenizer's special tokens once to the whole text, as scripts do that call it without options.")
  var specialTokens = false

  func validate() throws {
    guard context >= 2 else { throw ValidationError("--context must be at least 2, not \(context)") }
    guard (1...4096).contains(tokensPerPass) else {
      throw ValidationError("--tokens-per-pass must be between 1 and 4096, not \(tokensPerPass)")
    }
    if let stride, !(1...context).contains(stride) {
      throw ValidationError("--stride must be between 1 and --context, \(context), not \(stride)")
    }
    if let windows, windows < 1 { throw ValidationError("--windows must be at least 1, not \(windows)") }
  }

  /// The text; of a name its rows are searched in the folder, or pulled where none was given.
  func read(folder: String?, quiet: Bool) async throws -> EvaluationText? {
    guard let perplexity else { return nil }
    var folder = folder
    if folder == nil, let data = EvaluationText.published(perplexity) {
      folder = try await HubDownload.pull(data, quiet: quiet)
    }
    return try EvaluationText(perplexity, folders: folder.map { [$0] } ?? [])
  }

  func measurement(_ configuration: ModelConfiguration, folder: ModelDirectory) throws -> Perplexity {
    let begin = bos ? configuration.beginTokenID : nil
    if bos, begin == nil {
      throw Failure(exit: .badData, code: "noBeginToken", message: "\(folder.path) names no begin token for --bos")
    }
    var measurement = Perplexity(context: context, stride: stride, windowLimit: windows, beginTokenID: begin)
    measurement.tokensPerPass = tokensPerPass
    return measurement
  }
}
