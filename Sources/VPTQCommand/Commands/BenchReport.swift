import CKernels
import Checkpoints
import Evaluation
import JSONReader

/// What `bench` prints.
struct BenchReport {
  let model: String
  let folder: ModelDirectory
  let bitsPerWeight: Double
  let threads: Int
  /// The instruction set of the kernels (`VPTQ_ISA`).
  let instructionSet = String(cString: ck_active().pointee.name)
  let results: [Throughput.Result]
  let time: LoadTime
  let peakMemoryBytes: Int

  func show(_ format: BenchCommand.Format) {
    switch format {
    case .table:
      print(summary)
      for line in Console.table([Self.columns] + results.map(cells)) { print(line) }
    case .md:
      print(summary)
      let rule = [String](repeating: "---", count: Self.columns.count)
      for row in [Self.columns, rule] + results.map(cells) { print("| " + row.joined(separator: " | ") + " |") }
    case .csv:
      for row in csv { print(row.map(Self.csvField).joined(separator: ",")) }
    case .json:
      print(json.serialized(pretty: true))
    }
  }

  /// Everything that is one number for the whole run.
  private var summary: String {
    "\(folder.path): \(Console.size(folder.fileBytes)), \(Console.fixed(bitsPerWeight, 3)) bits per weight, "
      + "\(threads) \(threads == 1 ? "thread" : "threads"), \(instructionSet) kernels; loaded in \(seconds(time.load)), "
      + "first token after \(seconds(time.firstToken)), peak memory \(Console.size(peakMemoryBytes))"
  }

  private func seconds(_ measured: Measured) -> String {
    Console.fixed(measured.mean, 3)
      + (measured.count > 1 ? " ± \(Console.fixed(measured.standardDeviation, 3)) s" : " s")
  }

  private static let columns = ["test", "batch", "context", "tokens", "tokens/s", "±", "repetitions"]

  private func cells(_ result: Throughput.Result) -> [String] {
    [
      result.test, "\(result.batch)", "\(result.context)", "\(result.tokens)",
      Console.fixed(result.tokensPerSecond.mean, 1), Console.fixed(result.tokensPerSecond.standardDeviation, 1),
      "\(result.tokensPerSecond.count)",
    ]
  }

  /// One row for every measurement, which tells the whole run, so that rows of several runs can be joined.
  private var csv: [[String]] {
    [
      [
        "model", "model_bytes", "bits_per_weight", "threads", "test", "batch", "context", "tokens",
        "mean_tokens_per_second", "stddev", "repetitions", "load_seconds", "load_stddev",
        "time_to_first_token_seconds", "time_to_first_token_stddev", "peak_memory_bytes", "instruction_set",
      ]
    ]
      + results.map { r in
        [
          model, "\(folder.fileBytes)", "\(bitsPerWeight)", "\(threads)", r.test, "\(r.batch)", "\(r.context)",
          "\(r.tokens)", "\(r.tokensPerSecond.mean)", "\(r.tokensPerSecond.standardDeviation)",
          "\(r.tokensPerSecond.count)", "\(time.load.mean)", "\(time.load.standardDeviation)",
          "\(time.firstToken.mean)", "\(time.firstToken.standardDeviation)", "\(peakMemoryBytes)", instructionSet,
        ]
      }
  }

  /// A field as RFC 4180 quotes it where it must be.
  private static func csvField(_ text: String) -> String {
    guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }

  var json: JSONValue {
    .object([
      ("model", .string(model)), ("model_bytes", .integer(folder.fileBytes)),
      ("bits_per_weight", .number(bitsPerWeight)), ("threads", .integer(threads)),
      ("instruction_set", .string(instructionSet)),
      (
        "results",
        .array(
          results.map { r in
            .object([
              ("test", .string(r.test)), ("batch", .integer(r.batch)), ("context", .integer(r.context)),
              ("tokens", .integer(r.tokens)), ("mean_tokens_per_second", .number(r.tokensPerSecond.mean)),
              ("stddev", .number(r.tokensPerSecond.standardDeviation)),
              ("repetitions", .integer(r.tokensPerSecond.count)),
            ])
          })
      ),
      ("load_seconds", .number(time.load.mean)), ("load_stddev", .number(time.load.standardDeviation)),
      ("time_to_first_token_seconds", .number(time.firstToken.mean)),
      ("time_to_first_token_stddev", .number(time.firstToken.standardDeviation)),
      ("peak_memory_bytes", .integer(peakMemoryBytes)),
    ])
  }
}
