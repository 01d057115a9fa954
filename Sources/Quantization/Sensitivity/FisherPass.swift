import CKernels
import Checkpoints
import LanguageModels
import Tensors

/// Runs text through an unquantized model and back, to see how much its loss depends on the outputs of each matrix.
///
/// The loss is the negative logarithm of the probability of a token drawn from the model's own distribution. The mean
/// square of its gradient is the diagonal of the Fisher matrix, which is the curvature of the divergence between the
/// model and a slightly changed one (Amari, 1998).
struct FisherPass {
  private let model: TuningModel
  /// One window at a time, which keeps what the way back needs; or several, block by block, which read the weights but twice.
  private enum Pass {
    case single(WindowPass)
    case grouped(GroupPass)
  }

  private let pass: Pass
  private let rows: Int
  private let head: TiledHead
  private let logits: FloatBuffer
  private let random: CounterRandom
  /// What is found.
  let gradients: OutputGradients

  /// Reads the model; every window will have `length` tokens.
  ///
  /// - Parameters:
  ///   - group: windows that run together; the values do not depend on it.
  ///   - streamMemory: bytes of their residual streams that stay in memory.
  ///   - spill: a folder for the others.
  /// - Throws: `QuantizationError` (`unsupported`) for a model whose blocks have no gradients here.
  init(
    _ folder: ModelDirectory, length: Int, seed: UInt64, group: Int = 1, streamMemory: Int = .max, spill: String = ""
  ) throws {
    rows = length
    gradients = OutputGradients()
    model = try TuningModel(folder, precision: .fastest, observing: gradients)
    // Weights stay mapped; what was read of them is not kept, so that memory does not grow with the model.
    pass =
      group == 1
      ? .single(
        WindowPass(
          model, rows: length, tapeLimit: min(WindowPass.tapeLimit, (AvailableMemory.bytes ?? .max) / 4),
          onBlock: folder.releasePages))
      : .grouped(
        try GroupPass(
          model, rows: length, windows: group, memoryLimit: streamMemory, folder: spill, onBlock: folder.releasePages))
    head = TiledHead(model, rows: length)
    logits = FloatBuffer(count: head.tile * head.vocabulary)
    random = CounterRandom(seed: seed, stream: 0xF158)
  }

  /// Adds one window; `number` tells its draws from those of others.
  func add(_ tokens: [Int], number: Int) {
    guard case .single(let pass) = pass else { preconditionFailure("windows come in groups") }
    let hidden = pass.forward(tokens)
    withScratch(count: rows * model.configuration.hiddenSize) { gradient in
      streamGradient(hidden, number: number, into: gradient)
      pass.backward(gradient)
    }
  }

  /// Adds the windows of a range; their indices are their numbers.
  func add(_ windows: ArraySlice<[Int]>, report: (Double) throws -> Void) throws {
    guard case .grouped(let pass) = pass else {
      for (done, number) in windows.indices.enumerated() {
        try report(Double(done) / Double(windows.count))
        add(windows[number], number: number)
      }
      return
    }
    let count = rows * model.configuration.hiddenSize
    try pass.run(
      windows,
      loss: { number, states in
        withScratch(count: count) { gradient in
          streamGradient(states, number: number, into: gradient)
          states.update(from: gradient, count: count)
        }
      }, report: report)
  }

  /// The gradient by what comes out of the last block.
  private func streamGradient(
    _ hidden: UnsafePointer<Float>, number: Int, into gradient: UnsafeMutablePointer<Float>
  ) {
    let width = model.configuration.hiddenSize
    withScratch(count: 2 * rows * width) { normalized in
      let dnormalized = normalized + rows * width
      model.finalNorm.apply(hidden, rows: rows, stride: width, model.parameters.values.base, into: normalized)
      lossGradient(normalized, rows: rows, firstDraw: number * rows, into: dnormalized)
      gradient.update(repeating: 0, count: rows * width)
      model.finalNorm.addGradient(
        hidden, dy: dnormalized, rows: rows, stride: width, model.parameters, to: gradient)
    }
  }

  /// The gradient by the normalised states of one drawn token's loss for each row.
  private func lossGradient(
    _ normalized: UnsafePointer<Float>, rows: Int, firstDraw: Int, into gradient: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let (width, vocabulary) = (head.width, head.vocabulary)
    for first in stride(from: 0, to: rows, by: head.tile) {
      let count = min(head.tile, rows - first)
      head.apply(normalized + first * width, count: count, into: logits.base)
      parallelFor(count) { row in
        let line = logits.base + row * vocabulary
        kernels.softmax(line, vocabulary)
        line[draw(line, vocabulary, at: firstDraw + first + row)] -= 1
      }
      head.backPropagate(logits.base, count: count, into: gradient + first * width)
    }
  }

  /// A token drawn by its probability.
  private func draw(_ probabilities: UnsafePointer<Float>, _ count: Int, at draw: Int) -> Int {
    var rest = random.uniform(at: UInt64(draw))
    var last = 0
    for token in 0..<count where probabilities[token] > 0 {
      last = token
      rest -= Double(probabilities[token])
      if rest < 0 { break }
    }
    return last
  }
}
