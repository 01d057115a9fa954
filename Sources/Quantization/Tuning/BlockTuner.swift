import CKernels
import Checkpoints
import LanguageModels
import Tensors
import VectorQuantization

/// Tunes one block: fed with what the tuned blocks before it give out, to the output of the original block, fed with that of
/// the original blocks.
///
/// The loss is the mean over tokens of `|ŷ - y|² / |y|²`; so a few tokens of huge activations do not outweigh the rest. Residual
/// streams have one window in each pass.
final class BlockTuner {
  private let block: TuningBlock
  private let parameters: TunedParameters
  private let options: TuningOptions
  private let width: Int
  private let angles: RotaryAngles
  private let tape: BlockTape
  private let output: FloatBuffer
  private let hidden: FloatBuffer

  init(
    _ block: TuningBlock, _ parameters: TunedParameters, configuration: ModelConfiguration, options: TuningOptions
  ) {
    (self.block, self.parameters, self.options) = (block, parameters, options)
    width = configuration.hiddenSize
    angles = RotaryAngles(RotaryEmbedding(configuration.rotaries[block.rotary]), length: options.tokens)
    tape = BlockTape(block, rows: options.tokens)
    output = FloatBuffer(count: options.tokens * width)
    hidden = FloatBuffer(count: options.tokens * width)
  }

  /// Fits the block to `targets`, what the original block makes of the original stream; `before` is the stream that it reads
  /// itself. Steps that `journal` has already are not done again.
  ///
  /// - Parameters:
  ///   - index: the block's number, from which the choice of windows follows.
  ///   - firstStep: steps that the journal has of earlier blocks.
  func tune(
    _ index: Int, from before: any Activations, to targets: any Activations, _ journal: inout TuningJournal,
    firstStep: Int, onStep: (TuningJournal) throws -> Void
  ) throws {
    let random = CounterRandom(seed: options.seed, stream: 0xB10C)
    while journal.losses.count < firstStep + options.steps {
      try onStep(journal)
      let step = journal.losses.count - firstStep
      var loss = 0.0
      try ScratchMemory.shared.keeping {
        for window in 0..<options.windowsPerStep {
          let draw = UInt64((index * options.steps + step) * options.windowsPerStep + window)
          let window = Int(random.uniform(at: draw) * Double(options.blockWindows))
          loss += try addGradient(window, from: before, to: targets)
        }
      }
      try journal.step(loss: loss / Double(options.windowsPerStep), schedule: step, range: block.range)
    }
  }

  /// Sends all windows through the block; `write` is given what comes out of each.
  func advance(
    _ before: any Activations, report: (Double) throws -> Void = { _ in },
    write: (_ window: Int, _ states: UnsafePointer<Float>) throws -> Void
  ) throws {
    for window in 0..<options.blockWindows {
      try before.read(pass: window, into: hidden.base, count: hidden.count)
      apply()
      try write(window, output.base)
      try report(Double(window + 1) / Double(options.blockWindows))
    }
  }

  private func apply() {
    block.apply(hidden.base, rows: options.tokens, angles: angles, parameters, tape: tape, into: output.base)
  }

  /// The loss of one window; its share of the step's gradient is added to that of the parameters.
  private func addGradient(_ window: Int, from before: any Activations, to targets: any Activations) throws -> Double {
    let kernels = ck_active().pointee
    let rows = options.tokens
    try before.read(pass: window, into: hidden.base, count: hidden.count)
    apply()
    var sum = 0.0
    try withScratch(count: rows * width) { target in
      try targets.read(pass: window, into: target, count: rows * width)
      for row in 0..<rows {
        let (target, line) = (target + row * width, output.base + row * width)
        kernels.axpy(-1, target, line, width)
        let energy = max(Double(kernels.dot(target, target, width)), .leastNormalMagnitude)
        sum += Double(kernels.dot(line, line, width)) / energy
        let scale = Float(2 / (energy * Double(rows * options.windowsPerStep)))
        for column in 0..<width { line[column] *= scale }
      }
    }
    block.backPropagate(
      output.base, hidden: hidden.base, rows: rows, angles: angles, parameters, tape: tape)
    return sum / Double(rows)
  }
}

/// One block of a model, read by itself, with what tuning may change of it.
struct TunedBlock {
  let block: TuningBlock
  let parameters: TunedParameters

  init(
    _ index: Int, _ configuration: ModelConfiguration, source: any TensorSource, settings: QuantizationSettings?,
    precision: LinearAlgebra.Precision
  ) throws {
    var reader = TuningModelReader(
      loader: ParameterLoader(source: source, settings: settings), configuration: configuration, precision: precision,
      gradients: nil)
    block = try reader.block(index)
    parameters = TunedParameters(reader.collection)
    parameters.update()
  }
}
