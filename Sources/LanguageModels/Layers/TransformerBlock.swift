import CKernels
import Tensors

/// A pre-norm decoder block: `x += norm(attention(norm(x))); x += norm(feedForward(norm(x)))`, the outer norms in some
/// families only.
package struct TransformerBlock: Sendable {
  let attentionNorm: RMSNorm
  let attention: any Attention
  let attentionOutputNorm: RMSNorm?
  let feedForwardNorm: RMSNorm
  let feedForward: any FeedForward
  let feedForwardOutputNorm: RMSNorm?

  /// Adds the block's two updates to `hidden[rows, hiddenSize]` in place.
  func apply(
    _ hidden: UnsafeMutablePointer<Float>, layout: BatchLayout, layer: Int, observe: InputObserver? = nil
  ) {
    let kernels = ck_active().pointee
    let rows = layout.rows
    let width = attentionNorm.weight.count
    withScratch(count: 2 * rows * width) { normalized in
      let update = normalized + rows * width
      attentionNorm.apply(hidden, tokens: rows, into: normalized)
      attention.apply(normalized, layout: layout, layer: layer, into: update, observe: observe)
      attentionOutputNorm?.apply(update, tokens: rows, into: update)
      kernels.axpy(1, update, hidden, rows * width)
      feedForwardNorm.apply(hidden, tokens: rows, into: normalized)
      feedForward.apply(
        normalized, rows: rows, grouping: layout.grouping, into: update, observe: observe)
      feedForwardOutputNorm?.apply(update, tokens: rows, into: update)
      kernels.axpy(1, update, hidden, rows * width)
    }
  }
}
