import CKernels
import Tensors

/// The feed-forward part of one block.
protocol FeedForward: Sendable {
  /// Writes `y[rows, hiddenSize]` from the normalised `x[rows, hiddenSize]`.
  func apply(
    _ x: UnsafePointer<Float>, rows: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>,
    observe: InputObserver?)
}

/// A gated feed-forward layer: `down(activation(gate(x)) · up(x))`.
struct GatedFeedForward: FeedForward {
  /// The matrices that read the input.
  enum Inputs: Sendable {
    /// Each `[width, hiddenSize]`.
    case separate(gate: any Linear, up: any Linear)
    /// Gate and up stacked, `[2 · width, hiddenSize]`.
    case fused(any Linear)
  }

  let inputs: Inputs
  /// `[hiddenSize, width]`.
  let down: any Linear
  let activation: Activation
  /// The names of the two inputs.
  let input: LinearInput
  let output: LinearInput

  func apply(
    _ x: UnsafePointer<Float>, rows: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>,
    observe: InputObserver?
  ) {
    observe?(input, x, rows)
    let width = down.inFeatures
    switch inputs {
    case .separate(let gate, let up):
      withScratch(count: rows * width) { gated in
        // Memory that `down` takes anew.
        withScratch(count: rows * width) { raised in
          gate.apply(x, tokens: rows, grouping: grouping, into: gated)
          up.apply(x, tokens: rows, grouping: grouping, into: raised)
          activate(gated, raised, rows: rows, stride: width, into: gated)
        }
        lower(gated, rows: rows, grouping: grouping, into: y, observe: observe)
      }
    case .fused(let both):
      withScratch(count: 2 * rows * width) { gated in
        // Rows hold gate and up side by side; the products then close ranks, front to back.
        both.apply(x, tokens: rows, grouping: grouping, into: gated)
        for row in 0..<rows {
          let line = gated + row * 2 * width
          multiply(line, line + width, into: line)
          if row > 0 { (gated + row * width).update(from: line, count: width) }
        }
        lower(gated, rows: rows, grouping: grouping, into: y, observe: observe)
      }
    }
  }

  /// `down(gated)`.
  private func lower(
    _ gated: UnsafePointer<Float>, rows: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>,
    observe: InputObserver?
  ) {
    observe?(output, gated, rows)
    down.apply(gated, tokens: rows, grouping: grouping, into: y)
  }

  /// Asks for those matrices that are on disk.
  func readAhead() {
    switch inputs {
    case .separate(let gate, let up):
      gate.readAhead()
      up.readAhead()
    case .fused(let both): both.readAhead()
    }
    down.readAhead()
  }

  private func activate(
    _ gate: UnsafePointer<Float>, _ up: UnsafePointer<Float>, rows: Int, stride: Int,
    into y: UnsafeMutablePointer<Float>
  ) {
    if rows < 4 {
      for row in 0..<rows { multiply(gate + row * stride, up + row * stride, into: y + row * stride) }
    } else {
      parallelFor(rows) { row in multiply(gate + row * stride, up + row * stride, into: y + row * stride) }
    }
  }

  private func multiply(
    _ gate: UnsafePointer<Float>, _ up: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    switch activation {
    case .silu: kernels.silu_multiply(gate, up, y, down.inFeatures)
    case .gelu: kernels.gelu_multiply(gate, up, y, down.inFeatures)
    }
  }
}
