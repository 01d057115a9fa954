import CKernels
import Tensors

/// The feed-forward part of one block.
protocol FeedForward: Sendable {
  /// Writes `y[rows, hiddenSize]` from the normalised `x[rows, hiddenSize]`, which may lie in `y`: it is written last.
  func apply(_ x: InputRows, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>, observe: InputObserver?)
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
    _ x: InputRows, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>, observe: InputObserver?
  ) {
    let x = x.told(input, observe)
    let (rows, width) = (x.count, down.inFeatures)
    func lower(_ gated: InputRows) { down.apply(gated.told(output, observe), grouping: grouping, into: y) }
    // Of a prompt, `down` takes the memory of what was gated.
    let isPrompt = rows >= ProductLoops.laneCount
    func finish(_ gated: InputRows) { if isPrompt { _ = gated.made() } else { lower(gated) } }
    withScratch(count: rows * width) { gated in
      switch inputs {
      case .separate(let gate, let up):
        withScratch(count: rows * width) { raised in
          LinearProducts((gate, gated), (up, raised)).apply(x, grouping: grouping)
          finish(products(gated, raised, rows: rows, stride: width, into: gated))
        }
      case .fused(let both):
        withScratch(count: 2 * rows * width) { stacked in
          both.apply(x, grouping: grouping, into: stacked)
          finish(products(stacked, stacked + width, rows: rows, stride: 2 * width, into: gated))
        }
      }
      if isPrompt { lower(InputRows(gated, count: rows)) }
    }
  }

  /// `activation(gate) · up`, row by row; rows of gate and up are `stride` apart.
  private func products(
    _ gate: UnsafePointer<Float>, _ up: UnsafePointer<Float>, rows: Int, stride: Int,
    into y: UnsafeMutablePointer<Float>
  ) -> InputRows {
    let kernels = ck_active().pointee
    let (width, activation) = (down.inFeatures, activation)
    return InputRows(y, count: rows) { range in
      for row in range {
        let (gate, up, y) = (gate + row * stride, up + row * stride, y + row * width)
        switch activation {
        case .silu: kernels.silu_multiply(gate, up, y, width)
        case .gelu: kernels.gelu_multiply(gate, up, y, width)
        }
      }
    }
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
}
