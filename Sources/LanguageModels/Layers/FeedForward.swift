import CKernels
import Tensors

/// The gated feed-forward layer: `down(silu(gate(x)) · up(x))`.
struct FeedForward: Sendable {
  /// `[intermediateSize, hiddenSize]`.
  var gate: any Linear
  /// `[intermediateSize, hiddenSize]`.
  var up: any Linear
  /// `[hiddenSize, intermediateSize]`.
  var down: any Linear

  /// Writes `y[rows, hiddenSize]`; `observe` is given the input of `down`, `[rows, intermediateSize]`.
  func apply(
    _ x: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>, observe: (UnsafePointer<Float>) -> Void
  ) {
    let kernels = ck_active().pointee
    let width = gate.outFeatures
    withScratch(count: 2 * rows * width) { gated in
      let raised = gated + rows * width
      gate.apply(x, tokens: rows, into: gated)
      up.apply(x, tokens: rows, into: raised)
      if rows < 4 {
        kernels.silu_multiply(gated, raised, gated, rows * width)
      } else {
        parallelFor(rows) { row in
          kernels.silu_multiply(gated + row * width, raised + row * width, gated + row * width, width)
        }
      }
      observe(gated)
      down.apply(gated, tokens: rows, into: y)
    }
  }
}
