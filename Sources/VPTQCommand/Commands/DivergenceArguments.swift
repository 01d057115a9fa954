import ArgumentParser
import Checkpoints
import Evaluation
import Foundation
import LanguageModels
import Tokenizers

/// What a model's predictions are compared with.
struct DivergenceArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Compare with this model on the text of --perplexity; both are held, and a piece of a window of logits.",
      valueName: "model"))
  var klAgainst: String?

  @Option(
    help: ArgumentHelp(
      "Keep the model's logits on the text of --perplexity, for --reference-logits of a later run.", valueName: "file"))
  var storeLogits: String?

  @Option(
    help: ArgumentHelp("Compare with the logits that --store-logits kept of another model.", valueName: "file"))
  var referenceLogits: String?

  func validate() throws {
    if klAgainst != nil, referenceLogits != nil {
      throw ValidationError("--kl-against and --reference-logits exclude each other")
    }
    if let storeLogits, storeLogits == referenceLogits {
      throw ValidationError("--store-logits and --reference-logits name the same file")
    }
  }

  /// One of the options that was given.
  var given: String? {
    if klAgainst != nil { return "--kl-against" }
    if storeLogits != nil { return "--store-logits" }
    return referenceLogits == nil ? nil : "--reference-logits"
  }

  /// What the reference is called.
  var name: String {
    get throws { try klAgainst ?? referenceLogits.map(LogitsComparison.name(ofStored:)) ?? "" }
  }

  /// Opens the reference; `tokens` says which ids a tokenizer makes of the text.
  func comparison(
    quiet: Bool, options: RuntimeOptions, ids: [Int], tokens: (Tokenizer) throws -> [Int]
  ) async throws -> LogitsComparison {
    var comparison = LogitsComparison()
    comparison.storePath = storeLogits
    if let klAgainst {
      let (model, folder) = try await ModelArgument.load(klAgainst, quiet: quiet, options: options)
      guard try !Tokenizer.isPresent(inFolder: folder.path) || tokens(Tokenizer(folder: folder.path)) == ids else {
        throw Failure(
          exit: .badData, code: "mismatch",
          message: "\(klAgainst) has another tokenizer: predictions of other tokens cannot be compared")
      }
      comparison.reference = .model(model, fingerprint: try ModelFingerprint.of(folder, options: options))
    } else if let referenceLogits {
      comparison.reference = .file(referenceLogits)
    }
    return comparison
  }
}
