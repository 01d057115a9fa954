import LanguageModels
import Tensors

/// Runs one window of text at a time through all blocks, forwards and back.
///
/// The residual stream before each block is kept. What else the backward pass needs is kept too where it fits
/// `tapeLimit` bytes, else formed again block by block: the results are the same.
final class WindowPass {
  private let model: TuningModel
  let rows: Int
  private let angles: [RotaryAngles]
  /// Before each block, and after the last, `[rows, hiddenSize]`.
  private let hidden: [FloatBuffer]
  private let tapes: [BlockTape]
  private let output: FloatBuffer
  /// Is called when a block's weights have been used.
  private let onBlock: () -> Void

  /// The most bytes that are kept for the way back.
  static let tapeLimit = 2 << 30

  init(_ model: TuningModel, rows: Int, tapeLimit: Int = WindowPass.tapeLimit, onBlock: @escaping () -> Void = {}) {
    self.model = model
    self.onBlock = onBlock
    self.rows = rows
    angles = model.angles(length: rows)
    let width = model.configuration.hiddenSize
    hidden = (0...model.blocks.count).map { _ in FloatBuffer(count: rows * width) }
    let bytes = model.blocks.reduce(0) { $0 + BlockTape.byteCount($1, rows: rows) }
    // Blocks are alike in size, so one tape serves all in turn.
    tapes = (bytes <= tapeLimit ? model.blocks : Array(model.blocks.prefix(1))).map { BlockTape($0, rows: rows) }
    output = FloatBuffer(count: rows * width)
  }

  private var keepsTapes: Bool { tapes.count == model.blocks.count }

  /// The residual stream after the last block; valid until the next window.
  func forward(_ tokens: [Int]) -> UnsafePointer<Float> {
    precondition(tokens.count == rows)
    let embedded = model.embed(tokens)
    hidden[0].base.update(from: embedded, count: embedded.count)
    ScratchMemory.shared.keeping {
      for index in model.blocks.indices {
        apply(index, into: hidden[index + 1].base)
        onBlock()
      }
    }
    return UnsafePointer(hidden[model.blocks.count].base)
  }

  /// Turns the gradient of what `forward` returned into gradients of the parameters; `gradient` is overwritten.
  func backward(_ gradient: UnsafeMutablePointer<Float>) {
    ScratchMemory.shared.keeping {
      for index in model.blocks.indices.reversed() {
        if !keepsTapes { apply(index, into: output.base) }
        let block = model.blocks[index]
        block.backPropagate(
          gradient, hidden: hidden[index].base, rows: rows, angles: angles[block.rotary], model.parameters,
          tape: tape(index))
        onBlock()
      }
    }
  }

  private func tape(_ index: Int) -> BlockTape { tapes[keepsTapes ? index : 0] }

  private func apply(_ index: Int, into target: UnsafeMutablePointer<Float>) {
    let block = model.blocks[index]
    block.apply(
      hidden[index].base, rows: rows, angles: angles[block.rotary], model.parameters, tape: tape(index), into: target)
  }
}
