/// A pre-norm decoder block: `x += norm(attention(norm(x))); x += norm(feedForward(norm(x)))`, the outer norms in some
/// families only.
package struct TransformerBlock: Sendable {
  let attentionNorm: RMSNorm
  let attention: any Attention
  let attentionOutputNorm: RMSNorm?
  let feedForwardNorm: RMSNorm
  let feedForward: any FeedForward
  let feedForwardOutputNorm: RMSNorm?

  /// The block's two updates of a stream.
  func apply(_ stream: inout ResidualStream, layout: BatchLayout, layer: Int, observe: InputObserver? = nil) {
    attention.apply(
      stream.read(attentionNorm, updateNorm: attentionOutputNorm), layout: layout, layer: layer, into: stream.update,
      observe: observe)
    feedForward.apply(
      stream.read(feedForwardNorm, updateNorm: feedForwardOutputNorm), grouping: layout.grouping, into: stream.update,
      observe: observe)
  }
}
