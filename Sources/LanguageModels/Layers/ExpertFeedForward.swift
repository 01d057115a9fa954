import CKernels
import Foundation
import Tensors

/// A mixture of experts: `Σ weight_e · expert_e(x)` over the experts a router picks, plus a shared expert.
struct ExpertFeedForward: FeedForward {
  let router: Router
  let experts: [GatedFeedForward]
  let shared: GatedFeedForward?
  /// `[1, hiddenSize]`: the shared expert's output is scaled by the sigmoid of this product.
  let sharedGate: (any Linear)?

  func apply(
    _ x: InputRows, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>, observe: InputObserver?
  ) {
    let (width, rows) = (router.linear.inFeatures, x.count)
    // The router and the experts all need them until the end, so that they cannot stay in `y`.
    let x = x.made().told(.feedForward, observe).values
    withScratch(count: rows * width) { inputs in
      inputs.update(from: x, count: rows * width)
      y.update(repeating: 0, count: rows * width)
      addExperts(inputs, rows: rows, grouping: grouping, width: width, to: y, observe: observe)
    }
  }

  private func addExperts(
    _ x: UnsafePointer<Float>, rows: Int, grouping: TokenGrouping, width: Int, to y: UnsafeMutablePointer<Float>,
    observe: InputObserver?
  ) {
    // The shared expert reads the same input, which is told once.
    if let shared { addShared(shared, x, rows: rows, grouping: grouping, width: width, to: y, observe: observe) }
    // Tokens are gathered expert by expert, so that each matrix is read once for all of its tokens.
    var tokens = [[(row: Int, weight: Float)]](repeating: [], count: experts.count)
    for (row, choices) in router.choose(x, rows: rows, grouping: grouping).enumerated() {
      for choice in choices { tokens[choice.expert].append((row, choice.weight)) }
    }
    for (index, expert) in experts.enumerated() where !tokens[index].isEmpty { expert.readAhead() }
    let kernels = ck_active().pointee
    for (index, expert) in experts.enumerated() where !tokens[index].isEmpty {
      let chosen = tokens[index]
      withScratch(count: 2 * chosen.count * width) { gathered in
        let outputs = gathered + chosen.count * width
        for (line, token) in chosen.enumerated() {
          (gathered + line * width).update(from: x + token.row * width, count: width)
        }
        expert.apply(InputRows(gathered, count: chosen.count), grouping: grouping, into: outputs, observe: observe)
        for (line, token) in chosen.enumerated() {
          kernels.axpy(token.weight, outputs + line * width, y + token.row * width, width)
        }
      }
    }
  }

  private func addShared(
    _ shared: GatedFeedForward, _ x: UnsafePointer<Float>, rows: Int, grouping: TokenGrouping, width: Int,
    to y: UnsafeMutablePointer<Float>, observe: InputObserver?
  ) {
    let kernels = ck_active().pointee
    withScratch(count: rows * (width + 1)) { output in
      let gates = output + rows * width
      shared.apply(InputRows(x, count: rows), grouping: grouping, into: output) { input, values, count in
        if input != .feedForward { observe?(input, values, count) }
      }
      sharedGate?.apply(x, tokens: rows, grouping: grouping, into: gates)
      for row in 0..<rows {
        let weight = sharedGate == nil ? 1 : 1 / (1 + exp(-gates[row]))
        kernels.axpy(weight, output + row * width, y + row * width, width)
      }
    }
  }
}
