import CKernels
import LanguageModels
import Tensors

/// A decoder block with tuned parameters: `x += norm(attention(norm(x))); x += norm(feedForward(norm(x)))`, the outer norms
/// in some families only.
struct TuningBlock {
  /// Where its parameters lie among the tuned values.
  let range: Range<Int>
  let hiddenSize: Int
  let attentionNorm: TunedNorm
  /// Write the columns of queries, keys and values.
  let attentionInputs: [Projection]
  let headNorms: (query: TunedNorm, key: TunedNorm)?
  /// Which of the model's rotary embeddings turns queries and keys.
  let rotary: Int
  let attention: CausalAttention
  let attentionOutput: Projection
  let attentionOutputNorm: TunedNorm?
  let feedForwardNorm: TunedNorm
  /// Write the columns of gate and up.
  let feedForwardInputs: [Projection]
  let feedForwardWidth: Int
  let activation: Activation
  let feedForwardOutput: Projection
  let feedForwardOutputNorm: TunedNorm?

  /// Writes `output[rows, hiddenSize]` from the residual stream `hidden`, and the tape.
  func apply(
    _ hidden: UnsafePointer<Float>, rows: Int, angles: RotaryAngles, _ parameters: TunedParameters,
    tape: BlockTape, into output: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let values = UnsafePointer(parameters.values.base)
    let count = rows * hiddenSize
    withScratch(count: max(count, rows * feedForwardWidth)) { scratch in
      attentionNorm.apply(hidden, rows: rows, stride: hiddenSize, values, into: scratch)
      for projection in attentionInputs {
        projection.apply(scratch, rows: rows, parameters, into: tape.projected.base, stride: attention.stride)
      }
      turn(tape, rows: rows, angles: angles, values)
      attention.apply(tape.turned.base, count: rows, into: tape.mixed.base)
      let update = attentionOutputNorm == nil ? tape.middle.base : tape.attentionUpdate.base
      attentionOutput.apply(tape.mixed.base, rows: rows, parameters, into: update, stride: hiddenSize)
      attentionOutputNorm?.apply(update, rows: rows, stride: hiddenSize, values, into: tape.middle.base)
      kernels.axpy(1, hidden, tape.middle.base, count)

      feedForwardNorm.apply(tape.middle.base, rows: rows, stride: hiddenSize, values, into: scratch)
      for projection in feedForwardInputs {
        projection.apply(scratch, rows: rows, parameters, into: tape.gates.base, stride: 2 * feedForwardWidth)
      }
      activate(tape.gates.base, rows: rows, into: scratch)
      let raised = feedForwardOutputNorm == nil ? output : tape.feedForwardUpdate.base
      feedForwardOutput.apply(scratch, rows: rows, parameters, into: raised, stride: hiddenSize)
      feedForwardOutputNorm?.apply(raised, rows: rows, stride: hiddenSize, values, into: output)
      kernels.axpy(1, tape.middle.base, output, count)
    }
  }

  /// Head norms and rotation, from the projected to the turned rows.
  private func turn(
    _ tape: BlockTape, rows: Int, angles: RotaryAngles, _ values: UnsafePointer<Float>
  ) {
    if let headNorms {
      tape.turned.base.update(from: tape.projected.base, count: rows * attention.stride)
      let keys = attention.mixedWidth
      headNorms.query.apply(
        tape.projected.base, rows: rows, perRow: attention.headCount, stride: attention.stride, values,
        into: tape.turned.base)
      headNorms.key.apply(
        tape.projected.base + keys, rows: rows, perRow: attention.keyValueHeadCount, stride: attention.stride, values,
        into: tape.turned.base + keys)
    }
    angles.turn(tape.turned.base, rows: rows, attention)
  }

  /// `y[rows, feedForwardWidth] = activation(gate) · up`.
  func activate(_ gates: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>) {
    let kernels = ck_active().pointee
    let width = feedForwardWidth
    let multiply = activation == .silu ? kernels.silu_multiply : kernels.gelu_multiply
    parallelFor(rows) { row in
      let gate = gates + row * 2 * width
      multiply(gate, gate + width, y + row * width, width)
    }
  }
}
