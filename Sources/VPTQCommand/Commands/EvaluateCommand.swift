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
    abstract: "Measure a model: perplexity on a text, divergence from a reference model, tasks.",
    discussion: """
      Examples:
        vptq evaluate smollm2-3bit --perplexity wiki.test.raw --context 2048 --windows 6
        vptq evaluate smollm2-3bit --perplexity wiki.test.raw --kl-against smollm2
        vptq evaluate smollm2-3bit --tasks arc_easy,piqa --save 3bit.json
        vptq evaluate smollm2-3bit --perplexity c4 --windows 256 --tasks all --data eval
      """)

  @Argument(help: "A model folder, a .gguf file, or org/name of the hub.")
  var model: String

  @OptionGroup(title: "Perplexity") var text: PerplexityArguments

  @OptionGroup(title: "Divergence") var reference: DivergenceArguments

  @OptionGroup(title: "Tasks") var tasks: TaskArguments

  @OptionGroup(title: "Results") var results: ResultArguments

  @OptionGroup(title: "Page") var page: ReportArguments

  @OptionGroup(title: "Arithmetic") var runtime: RuntimeArguments

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if text.perplexity == nil, let option = reference.given {
      throw ValidationError("\(option) compares on a text; give one with --perplexity")
    }
    guard text.perplexity != nil || tasks.tasks != nil else {
      throw ValidationError("give a text with --perplexity, or --tasks, or both")
    }
  }

  func run() async throws {
    common.apply()
    // What can fail early does so before any model is loaded.
    try results.check([tasks.samplesOut, reference.storeLogits])
    try page.check()
    let evaluationText = try await text.read(folder: tasks.data, quiet: common.quiet)
    let evaluation = try await tasks.read(quiet: common.quiet)
    let (loaded, folder) = try await ModelArgument.load(model, quiet: common.quiet, options: runtime.options)
    common.show(try ModelRegistry.notices(folder))
    common.show(evaluationText?.notices ?? [])
    let tokenizer = try ModelArgument.tokenizer(folder)
    let fingerprint = try ModelFingerprint.of(folder, options: runtime.options)
    let inventory = try ModelInventory(folder, configuration: loaded.configuration)
    var record = EvaluationRecord(model: model)
    record.architecture = loaded.configuration.architecture
    record.parameters = inventory.parameters
    record.bitsPerWeight = inventory.bitsPerWeight
    record.fileBytes = folder.fileBytes
    if model.lowercased().hasSuffix(".gguf") {
      // The weights are those of the file; it is what a user keeps, not the folder made from it.
      let file = try GGUFFile(path: model)
      record.fileBytes = file.fileBytes
      record.bitsPerWeight = file.blockBitsPerWeight
    }

    let interruption = Interruption()
    let progress = ConsoleProgress(quiet: common.quiet)
    let checkpoint = try results.openCheckpoint()
    var samples: [TaskSample] = []
    do {
      if let evaluationText {
        func tokens(_ tokenizer: Tokenizer) throws -> [Int] {
          try tokenizer.encode(evaluationText.text, addSpecialTokens: text.specialTokens)
        }
        let ids = try tokens(tokenizer)
        var comparison = try await reference.comparison(
          quiet: common.quiet, options: runtime.options, ids: ids, tokens: tokens)
        comparison.model = model
        comparison.modelFingerprint = fingerprint
        let result = try text.measurement(loaded.configuration, folder: folder).measure(
          loaded, on: ids, comparison: comparison, checkpoint: checkpoint, progress: progress,
          isCancelled: { interruption.isRequested })
        record.perplexity = result.record(
          text: evaluationText.name, words: evaluationText.words, bytes: evaluationText.bytes)
        record.divergence = result.divergence(reference: try reference.name)
      }
      if let evaluation {
        (record.tasks, samples) = try evaluation.measure(
          loaded, tokenizer: tokenizer, modelFingerprint: fingerprint, checkpoint: checkpoint, progress: progress,
          isCancelled: { interruption.isRequested })
      }
    } catch is CancellationError {
      progress.clear()
      throw results.interrupted(checkpoint)
    }
    progress.clear()
    if let path = tasks.samplesOut { try TaskEvaluation.write(samples, to: path) }
    try results.finish(record, checkpoint)
    try page.write(record, common: common)
    if common.json {
      print(record.json.serialized(pretty: true))
    } else {
      for line in EvaluationSummary.lines(record) { print(line) }
    }
  }
}
