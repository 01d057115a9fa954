import CKernels
import LanguageModels
import Tensors

/// Tunes one block after the other: the block, fed with what the tuned blocks before it give out, to the output of the
/// original block, fed with that of the original blocks.
///
/// The loss is the mean over tokens of `|ŷ - y|² / |y|²`; so a few tokens of huge activations do not outweigh the rest.
struct BlockTuner {
  private let reference: TuningModel
  private let model: TuningModel
  private let options: TuningOptions
  /// The residual stream of the original blocks, one buffer for each window, `[tokens, hiddenSize]`.
  private let originals: [FloatBuffer]
  /// That of the tuned blocks.
  private let streams: [FloatBuffer]
  private let output: FloatBuffer
  private let angles: [RotaryAngles]

  init(_ model: TuningModel, reference: TuningModel, windows: [[Int]], options: TuningOptions) {
    self.reference = reference
    self.model = model
    self.options = options
    originals = windows.map { FloatBuffer(reference.embed($0)) }
    streams = windows.map { FloatBuffer(model.embed($0)) }
    output = FloatBuffer(count: options.tokens * model.configuration.hiddenSize)
    angles = model.angles(length: options.tokens)
  }

  /// Tunes block `index`, then sends the windows through it; steps that `journal` has already are not done again.
  func tune(
    _ index: Int, _ journal: inout TuningJournal, onStep: (TuningJournal) throws -> Void
  ) throws {
    let block = model.blocks[index]
    let tape = BlockTape(block, rows: options.tokens)
    advance(originals, through: reference.blocks[index], reference, tape)
    while journal.losses.count < (index + 1) * options.steps {
      try onStep(journal)
      let random = CounterRandom(seed: options.seed, stream: 0xB10C)
      var loss = 0.0
      for window in 0..<options.windowsPerStep {
        let draw = UInt64(journal.losses.count * options.windowsPerStep + window)
        loss += addGradient(block, window: Int(random.uniform(at: draw) * Double(streams.count)), tape)
      }
      try journal.step(
        loss: loss / Double(options.windowsPerStep), schedule: journal.losses.count - index * options.steps,
        range: block.range)
    }
    advance(streams, through: block, model, tape)
  }

  /// Sends all windows through a block, of which nothing but the output is kept.
  private func advance(
    _ streams: [FloatBuffer], through block: TuningBlock, _ model: TuningModel, _ tape: BlockTape
  ) {
    for stream in streams {
      apply(block, stream, model, tape)
      stream.base.update(from: output.base, count: output.count)
    }
  }

  private func apply(_ block: TuningBlock, _ stream: FloatBuffer, _ model: TuningModel, _ tape: BlockTape) {
    block.apply(
      stream.base, rows: options.tokens, angles: angles[block.rotary], model.parameters, tape: tape, into: output.base)
  }

  /// The loss of one window; its share of the step's gradient is added to that of the parameters.
  private func addGradient(_ block: TuningBlock, window: Int, _ tape: BlockTape) -> Double {
    let kernels = ck_active().pointee
    let (rows, width) = (options.tokens, model.configuration.hiddenSize)
    apply(block, streams[window], model, tape)
    var sum = 0.0
    for row in 0..<rows {
      let (target, line) = (originals[window].base + row * width, output.base + row * width)
      kernels.axpy(-1, target, line, width)
      let energy = max(Double(kernels.dot(target, target, width)), .leastNormalMagnitude)
      sum += Double(kernels.dot(line, line, width)) / energy
      let scale = Float(2 / (energy * Double(rows * options.windowsPerStep)))
      for column in 0..<width { line[column] *= scale }
    }
    block.backPropagate(
      output.base, hidden: streams[window].base, rows: rows, angles: angles[block.rotary], model.parameters,
      tape: tape)
    return sum / Double(rows)
  }
}
