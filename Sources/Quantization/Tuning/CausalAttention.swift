import CKernels
import Tensors

/// Causal attention over one window, and its gradient; queries, keys and values of a token lie side by side in one row.
///
/// For query head `h` and position `t`: `softmax(scale · q_h(t) · k_g(s)) · v_g(s)` over the visible `s ≤ t`, with
/// `g = h / (headCount / keyValueHeadCount)`. Weights are not kept for the backward pass but formed again.
struct CausalAttention {
  let headCount: Int
  let keyValueHeadCount: Int
  let headDimension: Int
  let scale: Float
  /// Positions a token sees, itself included.
  let window: Int?
  let precision: LinearAlgebra.Precision

  /// Queries handled together.
  private static let queryBlock = 128

  /// Floats of one row.
  var stride: Int { (headCount + 2 * keyValueHeadCount) * headDimension }
  /// Width of the mixed values.
  var mixedWidth: Int { headCount * headDimension }

  private func queries(_ head: Int) -> Int { head * headDimension }
  private func keys(_ head: Int) -> Int {
    (headCount + head / (headCount / keyValueHeadCount)) * headDimension
  }
  private func values(_ head: Int) -> Int { keys(head) + keyValueHeadCount * headDimension }

  /// Mixes `rows[count, stride]` into `mixed[count, mixedWidth]`.
  func apply(_ rows: UnsafePointer<Float>, count: Int, into mixed: UnsafeMutablePointer<Float>) {
    let blocks = (count + Self.queryBlock - 1) / Self.queryBlock
    parallelFor(headCount * blocks) { task in
      let head = task / blocks
      let block = block(task % blocks, of: count)
      withScratch(count: block.queries.count * block.keys.count) { weights in
        weigh(rows, head: head, block, into: weights)
        LinearAlgebra.product(
          .init(weights, stride: block.keys.count),
          .init(rows + block.keys.lowerBound * stride + values(head), stride: stride),
          into: mixed + block.queries.lowerBound * mixedWidth + queries(head), stride: mixedWidth,
          m: block.queries.count, n: headDimension, k: block.keys.count, precision: precision)
      }
    }
  }

  /// Writes `drows` from the gradient of the mixed values.
  func gradient(
    _ rows: UnsafePointer<Float>, dmixed: UnsafePointer<Float>, count: Int, into drows: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let size = count * headDimension
    withScratch(count: 2 * headCount * size) { sums in
      parallelFor(headCount) { head in
        gradient(
          rows, head: head, dmixed: dmixed, count: count, into: drows, dkeys: sums + head * size,
          dvalues: sums + (headCount + head) * size)
      }
      // Heads that share keys and values add up in the order of their numbers.
      let shared = headCount / keyValueHeadCount
      parallelFor(2 * keyValueHeadCount) { part in
        let first = part * shared
        for row in 0..<count {
          let target = drows + row * stride + (headCount + part) * headDimension
          target.update(from: sums + first * size + row * headDimension, count: headDimension)
          for head in (first + 1)..<(first + shared) {
            kernels.axpy(1, sums + head * size + row * headDimension, target, headDimension)
          }
        }
      }
    }
  }

  private func gradient(
    _ rows: UnsafePointer<Float>, head: Int, dmixed: UnsafePointer<Float>, count: Int,
    into drows: UnsafeMutablePointer<Float>, dkeys: UnsafeMutablePointer<Float>, dvalues: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let (d, width) = (headDimension, stride)
    dkeys.update(repeating: 0, count: count * d)
    dvalues.update(repeating: 0, count: count * d)
    for index in 0..<((count + Self.queryBlock - 1) / Self.queryBlock) {
      let block = block(index, of: count)
      let (queries, keys) = (block.queries, block.keys)
      withScratch(count: 2 * queries.count * keys.count) { weights in
        let dweights = weights + queries.count * keys.count
        weigh(rows, head: head, block, into: weights)
        let dy = LinearAlgebra.Operand(
          dmixed + queries.lowerBound * mixedWidth + self.queries(head), stride: mixedWidth)
        let first = rows + keys.lowerBound * width
        LinearAlgebra.product(
          dy, .init(first + values(head), stride: width).transposed, into: dweights, stride: keys.count,
          m: queries.count, n: keys.count, k: d, precision: precision)
        LinearAlgebra.product(
          .init(weights, stride: keys.count).transposed, dy, into: dvalues + keys.lowerBound * d, stride: d,
          m: keys.count, n: d, k: queries.count, adding: true, precision: precision)
        // A position that a query does not see has weight 0, and so no gradient.
        for row in 0..<queries.count {
          kernels.softmax_gradient(weights + row * keys.count, scale, keys.count, dweights + row * keys.count)
        }
        LinearAlgebra.product(
          .init(dweights, stride: keys.count), .init(first + self.keys(head), stride: width),
          into: drows + queries.lowerBound * width + self.queries(head), stride: width, m: queries.count, n: d,
          k: keys.count, precision: precision)
        LinearAlgebra.product(
          .init(dweights, stride: keys.count).transposed,
          .init(rows + queries.lowerBound * width + self.queries(head), stride: width),
          into: dkeys + keys.lowerBound * d, stride: d, m: keys.count, n: d, k: queries.count, adding: true,
          precision: precision)
      }
    }
  }

  /// A block of queries and the positions that any of them sees.
  private struct Block {
    let queries: Range<Int>
    let keys: Range<Int>
  }

  private func block(_ index: Int, of count: Int) -> Block {
    let queries = (index * Self.queryBlock)..<min((index + 1) * Self.queryBlock, count)
    return Block(queries: queries, keys: firstVisible(queries.lowerBound)..<queries.upperBound)
  }

  private func firstVisible(_ position: Int) -> Int { window.map { max(0, position - $0 + 1) } ?? 0 }

  /// The weights `[queries, keys]` of one head.
  private func weigh(
    _ rows: UnsafePointer<Float>, head: Int, _ block: Block, into weights: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let count = block.keys.count
    LinearAlgebra.product(
      alpha: scale, .init(rows + block.queries.lowerBound * stride + queries(head), stride: stride),
      .init(rows + block.keys.lowerBound * stride + keys(head), stride: stride).transposed, into: weights,
      stride: count, m: block.queries.count, n: count, k: headDimension, precision: precision)
    for query in block.queries {
      let line = weights + (query - block.queries.lowerBound) * count
      let visible = (firstVisible(query) - block.keys.lowerBound)..<(query + 1 - block.keys.lowerBound)
      line.update(repeating: 0, count: visible.lowerBound)
      kernels.softmax(line + visible.lowerBound, visible.count)
      (line + visible.upperBound).update(repeating: 0, count: count - visible.upperBound)
    }
  }
}
