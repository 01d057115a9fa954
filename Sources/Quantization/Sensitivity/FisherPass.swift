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
  private let pass: WindowPass
  private let head: TiledHead
  private let logits: FloatBuffer
  private let random: CounterRandom
  /// What is found.
  let gradients: OutputGradients

  /// Reads the model; every window will have `length` tokens.
  ///
  /// - Throws: `QuantizationError` (`unsupported`) for a model whose blocks have no gradients here.
  init(_ folder: ModelDirectory, length: Int, seed: UInt64) throws {
    gradients = OutputGradients()
    model = try TuningModel(folder, precision: .fastest, observing: gradients)
    // Weights stay mapped; what was read of them is not kept, so that memory does not grow with the model.
    pass = WindowPass(model, rows: length, onBlock: folder.releasePages)
    head = TiledHead(model, rows: length)
    logits = FloatBuffer(count: head.tile * head.vocabulary)
    random = CounterRandom(seed: seed, stream: 0xF158)
  }

  /// Adds one window; `number` tells its draws from those of others.
  func add(_ tokens: [Int], number: Int) {
    let hidden = pass.forward(tokens)
    let (rows, width) = (tokens.count, model.configuration.hiddenSize)
    withScratch(count: 3 * rows * width) { normalized in
      let dnormalized = normalized + rows * width
      let gradient = dnormalized + rows * width
      model.finalNorm.apply(hidden, rows: rows, stride: width, model.parameters.values.base, into: normalized)
      lossGradient(normalized, rows: rows, firstDraw: number * rows, into: dnormalized)
      gradient.update(repeating: 0, count: rows * width)
      model.finalNorm.addGradient(
        hidden, dy: dnormalized, rows: rows, stride: width, model.parameters, to: gradient)
      pass.backward(gradient)
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
