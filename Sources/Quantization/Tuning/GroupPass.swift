import LanguageModels
import Tensors

/// Runs several windows of text through all blocks, forwards and back, block by block: every weight is read twice for all of them
/// together, not for each.
///
/// Values are those of `WindowPass`, window by window; what a block's backward pass needs is formed again before it.
final class GroupPass {
  private let model: TuningModel
  private let rows: Int
  private let angles: [RotaryAngles]
  /// Before each block, block by block, window by window.
  private let store: StreamStore
  private let capacity: Int
  /// The streams that move, one for each window: states on the way forth, gradients on the way back.
  private let streams: [FloatBuffer]
  private let hidden: FloatBuffer
  private let output: FloatBuffer
  /// Is called when a block's weights have been used.
  private let onBlock: () -> Void

  /// - Parameters:
  ///   - windows: the most that run together.
  ///   - memoryLimit: bytes of residual streams that may stay in memory; more than that go through a file in `folder`.
  init(
    _ model: TuningModel, rows: Int, windows: Int, memoryLimit: Int, folder: String, onBlock: @escaping () -> Void
  ) throws {
    (self.model, self.rows, self.onBlock, capacity) = (model, rows, onBlock, windows)
    angles = model.angles(length: rows)
    let floats = rows * model.configuration.hiddenSize
    store = try StreamStore(
      count: model.blocks.count * windows, floats: floats, memoryLimit: memoryLimit, folder: folder)
    streams = (0..<windows).map { _ in FloatBuffer(count: floats) }
    (hidden, output) = (FloatBuffer(count: floats), FloatBuffer(count: floats))
  }

  /// Runs windows forth and back.
  ///
  /// - Parameters:
  ///   - loss: is given what comes out of the last block for each window, and writes the gradient by it in its place.
  ///   - report: is told the share that is done.
  func run(
    _ windows: ArraySlice<[Int]>, loss: (_ window: Int, UnsafeMutablePointer<Float>) -> Void,
    report: (Double) throws -> Void
  ) throws {
    precondition(windows.count <= capacity)
    try ScratchMemory.shared.keeping { try runBlocks(windows, loss: loss, report: report) }
  }

  private func runBlocks(
    _ windows: ArraySlice<[Int]>, loss: (_ window: Int, UnsafeMutablePointer<Float>) -> Void,
    report: (Double) throws -> Void
  ) throws {
    let steps = Double(3 * model.blocks.count * windows.count)
    var done = 0.0
    func tick(_ count: Double) throws {
      done += count
      try report(done / steps)
    }
    for (stream, tokens) in zip(streams, windows) {
      let embedded = model.embed(tokens)
      stream.base.update(from: embedded, count: embedded.count)
    }
    for (index, block) in model.blocks.enumerated() {
      let tape = BlockTape(block, rows: rows)
      for window in 0..<windows.count {
        try store.write(index * capacity + window, from: streams[window].base)
        apply(block, streams[window], tape)
        streams[window].base.update(from: output.base, count: output.count)
        try tick(1)
      }
      onBlock()
    }
    for (number, window) in windows.indices.enumerated() { loss(window, streams[number].base) }
    for (index, block) in model.blocks.enumerated().reversed() {
      let tape = BlockTape(block, rows: rows)
      for window in 0..<windows.count {
        try store.read(index * capacity + window, into: hidden.base)
        apply(block, hidden, tape)
        block.backPropagate(
          streams[window].base, hidden: hidden.base, rows: rows, angles: angles[block.rotary], model.parameters,
          tape: tape)
        try tick(2)
      }
      onBlock()
    }
  }

  private func apply(_ block: TuningBlock, _ stream: FloatBuffer, _ tape: BlockTape) {
    block.apply(
      stream.base, rows: rows, angles: angles[block.rotary], model.parameters, tape: tape, into: output.base)
  }
}
