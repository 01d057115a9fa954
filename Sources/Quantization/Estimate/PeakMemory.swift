import LanguageModels
import Tensors

/// The most bytes that parts of the work hold at once, counted from what they make and what they have of mapped files.
enum PeakMemory {
  /// What a process holds before it has done anything: the program, its tables and thread stacks.
  static let base = 60_000_000

  /// One process that does all.
  static func whole(
    _ plan: QuantizationPlan, _ configuration: ModelConfiguration, windows: Int, length: Int, hasGradients: Bool,
    activationMemory: Int
  ) -> Int {
    // Two streams of the text while it fits; else they and the sums are in files.
    let states = 4 * windows * length * configuration.hiddenSize
    let isResident = states <= activationMemory
    var most = 0
    for matrices in Dictionary(grouping: plan.matrices, by: \.block).values {
      let widths = Dictionary(matrices.map { ($0.input, $0.shape[1]) }) { $1 }.values
      let sums = windows > 0 ? widths.reduce(0) { $0 + 8 * $1 * $1 } : 0
      if windows > 0 {
        let pass = 4 * min(windows, BlockRunner.windowsPerPass) * length * configuration.hiddenSize
        let triangle = isResident ? 0 : 4 * (widths.map { $0 * $0 }.max() ?? 0)
        most = max(most, sums + triangle + 12 * pass)
      }
      for matrix in matrices {
        let (outputs, inputs) = (matrix.shape[0], matrix.shape[1])
        let others = isResident ? max(0, sums - 8 * inputs * inputs) : 0
        most = max(most, others + quantization(outputs: outputs, inputs: inputs))
      }
    }
    let weights = configuration.blocks.indices.map { blockBytes($0, configuration) }.max() ?? 0
    most += base + weights + (isResident ? 2 * states : 0)
    if hasGradients {
      most = max(most, gradients(configuration, length: length, activationMemory: activationMemory))
    }
    // The C library keeps some of what was given back to it.
    return most + most / 16
  }

  /// Windows forth and back, as a task decides by the memory there is.
  private static func gradients(_ configuration: ModelConfiguration, length: Int, activationMemory: Int) -> Int {
    let available = AvailableMemory.bytes ?? .max
    let head = 2 * configuration.vocabularySize * configuration.hiddenSize
    let weights = configuration.blocks.indices.reduce(head) { $0 + blockBytes($1, configuration) }
    return gradients(
      configuration, length: length, group: weights > available / 2 ? TaskGraph.windowsPerChunk : 1,
      tapeLimit: min(WindowPass.tapeLimit, available / 4), streamLimit: min(activationMemory, available / 4))
  }

  /// Bytes of a block's weights in the model's files.
  private static func blockBytes(_ block: Int, _ configuration: ModelConfiguration) -> Int {
    2 * Int(QuantizationEstimate.forwardWork(block, configuration))
  }

  /// A matrix that is quantized, with its second moment.
  ///
  /// While the metric is factored: second moment, metric and factor in double precision, the factor in single, the weights twice.
  /// When the error is measured: the second moment in double precision, the metric twice and its factor in single, the weights
  /// in seven forms.
  static func quantization(outputs: Int, inputs: Int) -> Int {
    let (metric, weights) = (inputs * inputs, outputs * inputs)
    return max(28 * metric + 8 * weights, 20 * metric + 28 * weights)
  }

  /// Windows of `length` tokens that go forth and back.
  ///
  /// - Parameters:
  ///   - group: windows that go block by block; with 1 each goes by itself, and what its way back needs is kept for all blocks if
  ///     it fits `tapeLimit`.
  ///   - streamLimit: bytes of residual streams that stay in memory.
  static func gradients(
    _ configuration: ModelConfiguration, length: Int, group: Int, tapeLimit: Int, streamLimit: Int
  ) -> Int {
    let width = configuration.hiddenSize
    let blocks = configuration.blocks.indices
    let tape = length * 4 * 12 * width
    let states = 4 * length * width
    // A block's weights as stored, its largest matrix in single precision, and what moves through it.
    let weights = blocks.map { blockBytes($0, configuration) }.max() ?? 0
    let shapes = blocks.flatMap { configuration.linears(ofBlock: $0).map(\.shape) }
    let largest = 4 * (shapes.map(\.elementCount).max() ?? 0)
    let moving = 4 * length * (3 * width + 4 * (shapes.map { $0[0] }.max() ?? 0))
    let common = base + tape + 4 * configuration.vocabularySize * (256 + width) + weights + largest + moving
    let streams = (blocks.count + 1) * states
    guard group > 1 else { return common + streams + (blocks.count * tape <= tapeLimit ? blocks.count * tape : 0) }
    return common + min(streamLimit, group * streams) + 2 * group * states
  }
}
