import ArgumentParser
import Checkpoints
import Evaluation
import Foundation
import JSONReader
import LanguageModels
import Tensors

/// `vptq bench`: speed and memory.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure a model's speed and memory: prompts and decoding, for every batch at every depth of context.",
    discussion: """
      Examples:
        vptq bench smollm2-3bit --prompt-tokens 512 --generated-tokens 128 --batch 1,4
        vptq bench smollm2-3bit --context 0,1024,4096 --csv > speed.csv
      """)

  /// How results are printed.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case table, md, csv, json
  }

  @Argument(help: "A model folder, a .gguf file, or org/name of the hub.")
  var model: String

  @Option(help: "Tokens of the prompt test; 0 leaves it out.")
  var promptTokens = 512

  @Option(help: "Tokens of the decode test; 0 leaves it out.")
  var generatedTokens = 128

  @Option(help: ArgumentHelp("Sequences that run together, for instance 1,4.", valueName: "numbers"))
  var batch = "1"

  @Option(
    help: ArgumentHelp(
      "Tokens that every sequence holds before a measurement, for instance 0,1024.", valueName: "numbers"))
  var context = "0"

  @Option(help: "Repetitions that count, after one that does not.")
  var repetitions = 5

  @Option(help: "Loads that count, after one that does not; a single one counts itself.")
  var loads = 3

  @Option(help: "table, md, csv or json (default: a table on a terminal, else md).")
  var format: Format?

  @Flag(help: "The same as --format csv.")
  var csv = false

  @Option(help: ArgumentHelp("Also keep the JSON document here, for `vptq report`.", valueName: "file"))
  var save: String?

  @OptionGroup(title: "Arithmetic") var runtime: RuntimeArguments

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard promptTokens >= 0, generatedTokens >= 0, promptTokens + generatedTokens > 0 else {
      throw ValidationError("--prompt-tokens and --generated-tokens must be at least 0, one of them above")
    }
    guard (1...1000).contains(repetitions) else {
      throw ValidationError("--repetitions must be between 1 and 1000, not \(repetitions)")
    }
    guard (1...1000).contains(loads) else { throw ValidationError("--loads must be between 1 and 1000, not \(loads)") }
    if csv, common.json { throw ValidationError("--csv and --json exclude each other") }
    _ = try batches()
    _ = try contexts()
  }

  private func batches() throws -> [Int] { try Self.numbers(batch, 1...1024, "--batch", "1,4") }

  private func contexts() throws -> [Int] { try Self.numbers(context, 0...(1 << 24), "--context", "0,1024") }

  private static func numbers(_ list: String, _ range: ClosedRange<Int>, _ option: String, _ example: String) throws
    -> [Int]
  {
    try list.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let number = Int(part.trimmingCharacters(in: .whitespaces)), range.contains(number) else {
        throw ValidationError(
          "\(option) takes numbers from \(range.lowerBound) to \(range.upperBound) like \(example); \"\(part)\" is none"
        )
      }
      return number
    }
  }

  func run() async throws {
    common.apply()
    if let save { try ReportOutput.checkPlace(save) }
    let folder = try await ModelArgument.folder(model, quiet: common.quiet)
    common.show(try ModelRegistry.notices(folder))
    var throughput = Throughput(
      promptTokens: promptTokens, generatedTokens: generatedTokens, repetitions: repetitions)
    throughput.batches = try batches()
    throughput.contexts = try contexts()
    let configuration = try ModelConfiguration(folder)
    let positions = configuration.maximumPositions
    guard throughput.longestSequence <= positions else {
      throw Failure(
        exit: .usage, code: "badOption",
        message:
          "\(throughput.longestSequence) tokens (--context and new ones) exceed the model's \(positions) positions")
    }
    let interruption = Interruption()
    let progress = ConsoleProgress(quiet: common.quiet || !Console.errorIsTerminal)
    let isCancelled = { interruption.isRequested }
    let (time, (results, peak)) = try LoadTime.measure(
      folder, options: runtime.options, loads: loads, progress: progress, isCancelled: isCancelled
    ) { model in
      common.show(model.residency.map { [$0.notice] } ?? [])
      let results = try throughput.measure(model, progress: progress, isCancelled: isCancelled)
      return (results, ProcessMemory.peakBytes)
    }
    progress.clear()
    let report = BenchReport(
      model: model, folder: folder,
      bitsPerWeight: try ModelInventory(folder, configuration: configuration).bitsPerWeight,
      threads: WorkerPool.shared.threadCount, results: results, time: time, peakMemoryBytes: peak)
    if let save { try AtomicFile.write(Array((report.json.serialized(pretty: true) + "\n").utf8), to: save) }
    report.show(common.json ? .json : csv ? .csv : format ?? (Console.outputIsTerminal ? .table : .md))
  }
}
