import Tensors

/// What the forward pass of a block leaves for its backward pass, for one window.
final class BlockTape {
  /// Queries, keys and values as projected; only where heads are normalised, else the same memory as `turned`.
  let projected: FloatBuffer
  /// Queries, keys and values as attention reads them.
  let turned: FloatBuffer
  /// The mixed values.
  let mixed: FloatBuffer
  /// What attention adds to the residual stream, before a norm of it; empty without such a norm.
  let attentionUpdate: FloatBuffer
  /// The residual stream between attention and feed-forward layer.
  let middle: FloatBuffer
  /// Gate and up side by side.
  let gates: FloatBuffer
  /// What the feed-forward layer adds, before a norm of it; empty without such a norm.
  let feedForwardUpdate: FloatBuffer

  init(_ block: TuningBlock, rows: Int) {
    let hidden = block.hiddenSize
    turned = FloatBuffer(count: rows * block.attention.stride)
    projected = block.headNorms == nil ? turned : FloatBuffer(count: turned.count)
    mixed = FloatBuffer(count: rows * block.attention.mixedWidth)
    attentionUpdate = FloatBuffer(count: block.attentionOutputNorm == nil ? 0 : rows * hidden)
    middle = FloatBuffer(count: rows * hidden)
    gates = FloatBuffer(count: rows * 2 * block.feedForwardWidth)
    feedForwardUpdate = FloatBuffer(count: block.feedForwardOutputNorm == nil ? 0 : rows * hidden)
  }

  /// Bytes of a tape for `rows` tokens, without making it.
  static func byteCount(_ block: TuningBlock, rows: Int) -> Int {
    let attention = block.attention
    let row =
      attention.stride * (block.headNorms == nil ? 1 : 2) + attention.mixedWidth + block.hiddenSize
      + 2 * block.feedForwardWidth
      + [block.attentionOutputNorm, block.feedForwardOutputNorm].count { $0 != nil } * block.hiddenSize
    return rows * row * MemoryLayout<Float>.size
  }
}
