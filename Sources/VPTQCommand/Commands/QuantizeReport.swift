import Checkpoints
import Evaluation
import JSONReader
import Quantization
import Tensors

/// What `quantize` tells when it is done.
struct QuantizeReport {
  let summary: ModelQuantizer.Summary
  let tuned: TuningSummary?
  let model: ModelDirectory
  let output: ModelDirectory
  let seconds: Double
  /// Whether the seconds are those that tasks took, one after the other or side by side, here or elsewhere.
  var isOfTasks = false

  private var record: QuantizationRecord { summary.record }

  func show(json: Bool, verbose: Bool) {
    if json {
      print(document.serialized(pretty: true))
      return
    }
    if verbose { for line in Console.table(table) { print(line) } }
    print(
      """
      \(record.matrices.count) matrices: \(Console.fixed(record.bitsPerWeight, 3)) bits per weight as stored \
      (codes \(Console.fixed(record.indexBitsPerWeight, 3)), codebooks \(Console.fixed(record.codebookBitsPerWeight, 3))), \
      mean relative error \(Console.fixed(record.meanRelativeError, 4))
      \(tuning)\(model.path) \(Console.size(model.fileBytes)) -> \(output.path) \(Console.size(output.fileBytes)) \
      \(time)
      """)
    if let warning = collapse { Console.writeError("warning: " + warning) }
  }

  /// One row per matrix: what it is stored in, and its relative error after each step of the recipe.
  private var table: [[String]] {
    var steps: [String] = []
    for step in record.matrices.flatMap(\.steps) where !steps.contains(step.name) { steps.append(step.name) }
    let rows = record.matrices.map { matrix -> [String] in
      let errors = steps.map { name in
        matrix.steps.first { $0.name == name }.map { Console.fixed($0.relativeError, 5) } ?? ""
      }
      return [
        matrix.name, "\(matrix.shape[0])x\(matrix.shape[1])", matrix.preset, Console.fixed(matrix.bitsPerWeight, 3),
      ]
        + errors + [Console.fixed(matrix.seconds, 1)]
    }
    return [["matrix", "shape", "preset", "bits"] + steps + ["seconds"]] + rows
  }

  /// Which matrices little is left of.
  private var collapse: String? {
    let worst = record.collapsed.sorted { $0.relativeError > $1.relativeError }
    guard !worst.isEmpty else { return nil }
    let shown = worst.prefix(8).map { "\($0.name) (\(Console.fixed($0.relativeError, 3)))" }.joined(separator: ", ")
    let rest = worst.count > 8 ? " and \(worst.count - 8) more, see quantization.json" : ""
    return "quality collapses, by its relative error, in \(shown)\(rest); give more bits with --override, or more text"
  }

  private var time: String {
    isOfTasks
      ? "by tasks that took \(Console.clock(seconds)) in all"
      : "in \(Console.clock(seconds)), peak memory \(Console.size(ProcessMemory.peakBytes))"
  }

  private var tuning: String {
    guard let tuned else { return "" }
    return "tuned in \(tuned.losses.count) steps: divergence \(Console.fixed(tuned.firstLoss, 4)) -> "
      + "\(Console.fixed(tuned.lastLoss, 4)) nats per token\n"
  }

  private var document: JSONValue {
    .object(
      [
        ("seconds", .number(seconds)), ("peak_memory_bytes", .integer(ProcessMemory.peakBytes)),
        ("file_bytes", .integer(output.fileBytes)), ("original_file_bytes", .integer(model.fileBytes)),
        ("resumed_blocks", .integer(summary.resumedBlocks)),
        ("tuning_losses", .array((tuned?.losses ?? []).map(JSONValue.number))),
        ("notices", .array(summary.notices.map(JSONValue.string))),
      ] + record.fields)
  }
}

/// What `quantize --dry-run` tells.
struct PlanReport {
  let plan: QuantizationPlan
  let estimate: QuantizationEstimate

  /// Refuses shapes that take more than a matrix has.
  static func checkSaving(_ plan: QuantizationPlan) throws {
    guard let worst = plan.matrices.max(by: { $0.bitsPerWeight < $1.bitsPerWeight }), worst.bitsPerWeight > 16 else {
      return
    }
    throw Failure(
      exit: .usage, code: "badOption",
      message: "\(worst.module), \(worst.shape[0])x\(worst.shape[1]), takes "
        + "\(Console.fixed(worst.bitsPerWeight, 1)) bits a weight as \(worst.recipe.name), most of it for codebooks: more than the 16 of the original",
      hint: "give --bits, smaller codebooks, --override or --skip for small matrices")
  }

  func show(json: Bool) {
    if json {
      let layers = plan.matrices.map { matrix -> JSONValue in
        let bits = matrix.storedBits
        return .object([
          ("name", .string(matrix.module)), ("shape", .array(matrix.shape.dimensions.map(JSONValue.integer))),
          ("preset", .string(matrix.recipe.name)),
          ("bits_per_weight", .number(Double(bits) / Double(matrix.shape.elementCount))),
        ])
      }
      print(
        JSONValue.object([
          ("bits_per_weight", .number(plan.bitsPerWeight)),
          (
            "estimate",
            .object([
              ("processor_seconds", .number(estimate.processorSeconds)), ("seconds", .number(estimate.wallSeconds)),
              ("peak_memory_bytes", .integer(estimate.peakMemoryBytes)), ("disk_bytes", .integer(estimate.diskBytes)),
            ])
          ),
          ("layers", .array(layers)),
        ]).serialized(pretty: true))
      return
    }
    for matrix in plan.matrices {
      let bits = matrix.storedBits
      print(
        "\(matrix.module)  \(matrix.shape[0])x\(matrix.shape[1])  \(matrix.recipe.name)  "
          + "\(Console.fixed(Double(bits) / Double(matrix.shape.elementCount), 3)) bits")
    }
    print("\(plan.matrices.count) matrices, \(Console.fixed(plan.bitsPerWeight, 3)) bits per weight as stored")
    print(
      """
      estimate for \(WorkerPool.shared.threadCount) threads, without tuning and the writing of calibration text: \
      \(Console.clock(estimate.wallSeconds)) (\(Console.clock(estimate.processorSeconds)) of processor time), \
      \(Console.size(estimate.peakMemoryBytes)) of memory, \(Console.size(estimate.diskBytes)) on disk
      """)
  }
}
