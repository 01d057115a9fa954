import CKernels
public import Tensors

/// The distinct inputs that linear layers of a block read; layers that share one share its second moment.
public enum LinearInput: String, Sendable, CaseIterable {
  /// The normalised residual stream before attention.
  case attention
  /// The mixed values before the output projection.
  case attentionOutput
  /// The normalised residual stream before the feed-forward layer.
  case feedForward
  /// The gated activations before the down projection.
  case feedForwardOutput
}

/// One quantizable matrix of a block: where it lies and what it reads.
public struct BlockLinear: Sendable {
  /// Its name below the block, for instance `self_attn.q_proj`.
  public let name: String
  /// Which input it reads.
  public let input: LinearInput
  /// `[outFeatures, inFeatures]`.
  public let shape: Shape
}

/// A pre-norm decoder block: `x += attention(norm(x)); x += feedForward(norm(x))`.
package struct TransformerBlock: Sendable {
  var attentionNorm: RMSNorm
  var attention: Attention
  var feedForwardNorm: RMSNorm
  var feedForward: FeedForward

  /// The matrices by their names below the block, in the order of the computation.
  package static let linears:
    [(name: String, input: LinearInput, path: any WritableKeyPath<TransformerBlock, any Linear> & Sendable)] =
      [
        ("self_attn.q_proj", .attention, \.attention.query),
        ("self_attn.k_proj", .attention, \.attention.key),
        ("self_attn.v_proj", .attention, \.attention.value),
        ("self_attn.o_proj", .attentionOutput, \.attention.output),
        ("mlp.gate_proj", .feedForward, \.feedForward.gate),
        ("mlp.up_proj", .feedForward, \.feedForward.up),
        ("mlp.down_proj", .feedForwardOutput, \.feedForward.down),
      ]

  /// Replaces or reads a matrix by its name below the block.
  package subscript(linear name: String) -> (any Linear)? {
    get { Self.linears.first { $0.name == name }.map { self[keyPath: $0.path] } }
    set {
      guard let newValue, let entry = Self.linears.first(where: { $0.name == name }) else { return }
      self[keyPath: entry.path] = newValue
    }
  }

  /// What is told about the inputs of linear layers: which, its values `[rows, width]`, rows.
  package typealias Observer = (LinearInput, UnsafePointer<Float>, Int) -> Void

  /// Adds the block's two updates to `hidden[rows, hiddenSize]` in place.
  func apply(
    _ hidden: UnsafeMutablePointer<Float>, layout: BatchLayout, layer: Int, observe: Observer? = nil
  ) {
    let kernels = ck_active().pointee
    let rows = layout.rows
    let width = attentionNorm.weight.count
    withScratch(count: 2 * rows * width) { normalized in
      let update = normalized + rows * width
      attentionNorm.apply(hidden, tokens: rows, into: normalized)
      observe?(.attention, normalized, rows)
      attention.apply(normalized, layout: layout, layer: layer, into: update) {
        observe?(.attentionOutput, $0, rows)
      }
      kernels.axpy(1, update, hidden, rows * width)
      feedForwardNorm.apply(hidden, tokens: rows, into: normalized)
      observe?(.feedForward, normalized, rows)
      feedForward.apply(normalized, rows: rows, into: update) { observe?(.feedForwardOutput, $0, rows) }
      kernels.axpy(1, update, hidden, rows * width)
    }
  }
}
