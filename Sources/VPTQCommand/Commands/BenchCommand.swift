import ArgumentParser
import Checkpoints
import Evaluation
import JSONReader
import LanguageModels
import Tensors

/// `vptq bench`: speed and memory.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure a model's speed and memory.",
    discussion: "Example:\n  vptq bench smollm2-3bit --prompt-tokens 512 --generated-tokens 128 --batch 1,4")

  /// How results are printed.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case md, csv, json
  }

  @Argument(help: "A model folder, a .gguf file, or org/name of the hub.")
  var model: String

  @Option(help: "Tokens of the prompt test; 0 leaves it out.")
  var promptTokens = 512

  @Option(help: "Tokens of the decode test; 0 leaves it out.")
  var generatedTokens = 128

  @Option(help: "Sequences that run together, for instance 1,4.")
  var batch = "1"

  @Option(help: "Repetitions that count, after one that does not.")
  var repetitions = 5

  @Option(help: "md, csv or json.")
  var format = Format.md

  @OptionGroup(title: "Arithmetic") var runtime: RuntimeArguments

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard promptTokens >= 0, generatedTokens >= 0, promptTokens + generatedTokens > 0 else {
      throw ValidationError("--prompt-tokens and --generated-tokens must be at least 0, one of them above")
    }
    guard repetitions >= 1 else { throw ValidationError("--repetitions must be at least 1, not \(repetitions)") }
    _ = try batches()
  }

  private func batches() throws -> [Int] {
    try batch.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let size = Int(part), (1...1024).contains(size) else {
        throw ValidationError("--batch takes numbers from 1 to 1024 like 1,4; \"\(part)\" is none")
      }
      return size
    }
  }

  func run() async throws {
    common.apply()
    let start = ContinuousClock.now
    let (loaded, folder) = try await ModelArgument.load(model, quiet: common.quiet, options: runtime.options)
    common.show(try ModelRegistry.notices(folder))
    let loadSeconds = Double(start.duration(to: .now) / .seconds(1))
    let cache = loaded.makeCache(capacity: 2)
    _ = try loaded.forward([Segment(tokens: [0], cache: cache)], logits: .last)
    let firstToken = Double(start.duration(to: .now) / .seconds(1))
    let longest = max(promptTokens, generatedTokens)
    guard longest <= loaded.configuration.maximumPositions else {
      throw Failure(
        exit: .usage, code: "badOption",
        message: "\(longest) tokens exceed the model's \(loaded.configuration.maximumPositions) positions")
    }
    let interruption = Interruption()
    let progress = ConsoleProgress(quiet: common.quiet || !Console.errorIsTerminal)
    let results = try Throughput(
      promptTokens: promptTokens, generatedTokens: generatedTokens, batches: batches(), repetitions: repetitions
    ).measure(loaded, progress: progress, isCancelled: { interruption.isRequested })
    progress.clear()
    let report = BenchReport(
      folder: folder, bitsPerWeight: try ModelInventory(folder, configuration: loaded.configuration).bitsPerWeight,
      results: results, loadSeconds: loadSeconds, firstTokenSeconds: firstToken)
    report.show(common.json ? .json : format)
  }
}

/// What `bench` prints.
struct BenchReport {
  let folder: ModelDirectory
  let bitsPerWeight: Double
  let results: [Throughput.Result]
  let loadSeconds: Double
  let firstTokenSeconds: Double

  func show(_ format: BenchCommand.Format) {
    switch format {
    case .md:
      let threads = WorkerPool.shared.threadCount
      print(
        "\(folder.path): \(Console.size(folder.fileBytes)), \(Console.fixed(bitsPerWeight, 3)) bits per weight, "
          + "\(threads) \(threads == 1 ? "thread" : "threads"); loaded in \(Console.fixed(loadSeconds, 3)) s, "
          + "first token after \(Console.fixed(firstTokenSeconds, 3)) s, peak memory \(Console.size(ProcessMemory.peakBytes))"
      )
      print("| test | batch | tokens | tokens/s | ± | repetitions |\n| --- | --- | --- | --- | --- | --- |")
      for r in results {
        print(
          "| \(r.test) | \(r.batch) | \(r.tokens) | \(Console.fixed(r.meanTokensPerSecond, 1)) | "
            + "\(Console.fixed(r.standardDeviation, 1)) | \(r.repetitions) |")
      }
    case .csv:
      print("test,batch,tokens,mean_tokens_per_second,stddev,repetitions")
      for r in results {
        print("\(r.test),\(r.batch),\(r.tokens),\(r.meanTokensPerSecond),\(r.standardDeviation),\(r.repetitions)")
      }
    case .json:
      print(document.serialized(pretty: true))
    }
  }

  private var document: JSONValue {
    .object([
      ("model_bytes", .integer(folder.fileBytes)), ("bits_per_weight", .number(bitsPerWeight)),
      ("threads", .integer(WorkerPool.shared.threadCount)),
      (
        "results",
        .array(
          results.map { r in
            .object([
              ("test", .string(r.test)), ("batch", .integer(r.batch)), ("tokens", .integer(r.tokens)),
              ("mean_tokens_per_second", .number(r.meanTokensPerSecond)), ("stddev", .number(r.standardDeviation)),
              ("repetitions", .integer(r.repetitions)),
            ])
          })
      ),
      ("load_seconds", .number(loadSeconds)), ("time_to_first_token_seconds", .number(firstTokenSeconds)),
      ("peak_memory_bytes", .integer(ProcessMemory.peakBytes)),
    ])
  }
}
