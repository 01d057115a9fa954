import Checkpoints
import Evaluation
import JSONReader
import Quantization
import Tensors

/// What `quantize` tells when it is done.
struct QuantizeReport {
  let summary: ModelQuantizer.Summary
  let model: ModelDirectory
  let output: ModelDirectory
  let seconds: Double

  private var weights: Double { Double(summary.matrices.reduce(0) { $0 + $1.shape.reduce(1, *) }) }

  private func bits(_ part: (MatrixReport) -> Int) -> Double {
    Double(summary.matrices.reduce(0) { $0 + part($1) }) / weights
  }

  func show(json: Bool, verbose: Bool) {
    if json {
      print(document.serialized(pretty: true))
      return
    }
    if verbose {
      for matrix in summary.matrices {
        print(
          "\(matrix.name)  \(matrix.shape[0])x\(matrix.shape[1])  \(matrix.preset)  "
            + "\(Console.fixed(matrix.bitsPerWeight, 3)) bits  error \(Console.fixed(matrix.relativeError, 5))")
      }
    }
    let error = summary.matrices.reduce(0) { $0 + $1.relativeError } / Double(max(1, summary.matrices.count))
    print(
      """
      \(summary.matrices.count) matrices: \(Console.fixed(bits(\.storedBits), 3)) bits per weight as stored \
      (codes \(Console.fixed(bits(\.indexBits), 3)), codebooks \(Console.fixed(bits(\.codebookBits), 3))), \
      mean relative error \(Console.fixed(error, 4))
      \(model.path) \(Console.size(model.fileBytes)) -> \(output.path) \(Console.size(output.fileBytes)) \
      in \(Console.clock(seconds)), peak memory \(Console.size(PeakMemory.bytes))
      """)
    if bits(\.storedBits) > 16 {
      Console.writeError("warning: more bits than a 16-bit original; the codebooks outweigh the codes at this size")
    }
  }

  private var document: JSONValue {
    .object([
      ("bits_per_weight", .number(bits(\.storedBits))), ("index_bits_per_weight", .number(bits(\.indexBits))),
      ("codebook_bits_per_weight", .number(bits(\.codebookBits))), ("seconds", .number(seconds)),
      ("peak_memory_bytes", .integer(PeakMemory.bytes)), ("file_bytes", .integer(output.fileBytes)),
      ("original_file_bytes", .integer(model.fileBytes)), ("resumed_blocks", .integer(summary.resumedBlocks)),
      ("notices", .array(summary.notices.map(JSONValue.string))), ("layers", .array(summary.matrices.map(\.json))),
    ])
  }
}

/// What `quantize --dry-run` tells.
struct PlanReport {
  let plan: QuantizationPlan
  let estimate: QuantizationEstimate

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
      estimate for \(WorkerPool.shared.threadCount) threads, sampling of calibration text not included: \
      \(Console.clock(estimate.wallSeconds)) (\(Console.clock(estimate.processorSeconds)) of processor time), \
      \(Console.size(estimate.peakMemoryBytes)) of memory, \(Console.size(estimate.diskBytes)) on disk
      """)
  }
}
