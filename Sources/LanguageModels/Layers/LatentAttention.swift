import CKernels
import Tensors

/// Multi-head latent attention (DeepSeek-V2, section 2.1) in its absorbed form.
///
/// The cache holds, per position, one normalised latent vector `c` and one turned key part that all heads share. With
/// `W_k[h]`, `W_v[h]` the rows of the expanding matrix for head `h`, the score `q · (W_k c)` is computed as `(W_kᵀ q) · c` and
/// the output `W_v Σ w c`: keys and values are never expanded, and attention is that of one shared key-value head.
struct LatentAttention: Attention {
  let configuration: LatentConfiguration
  /// Queries straight from the residual stream, or by way of a latent vector.
  enum Query: Sendable {
    case direct(any Linear)
    case latent(down: any Linear, norm: RMSNorm, up: any Linear)
  }

  let query: Query
  /// `[keyValueRank + rotaryDimension, hiddenSize]`.
  let compress: any Linear
  /// Norm of the latent vector.
  let latentNorm: RMSNorm
  /// Per head `[keyValueRank, plainDimension]`: `W_kᵀ`.
  let keyExpansions: [DenseLinear]
  /// Per head `[valueDimension, keyValueRank]`: `W_v`.
  let valueExpansions: [DenseLinear]
  /// `[hiddenSize, headCount · valueDimension]`.
  let output: any Linear
  let rotary: Int
  /// Of one shared head as wide as latent and turned part together.
  let mix: AttentionMix

  func apply(
    _ x: InputRows, layout: BatchLayout, layer: Int, into y: UnsafeMutablePointer<Float>,
    observe: InputObserver?
  ) {
    let c = configuration
    let (rows, heads) = (layout.rows, mix.headCount)
    let (rank, keyWidth, plain) = (c.keyValueRank, mix.keyDimension, c.plainDimension)
    let queryWidth = heads * (plain + c.rotaryDimension)
    let x = x.told(.attention, observe)
    withScratch(
      count: rows * (queryWidth + keyWidth + heads * (keyWidth + rank + c.valueDimension)) + rows * rank
    ) { q in
      let key = q + rows * queryWidth
      let absorbed = key + rows * keyWidth
      let latent = absorbed + rows * heads * keyWidth
      let values = latent + rows * heads * rank
      let normalized = values + rows * heads * c.valueDimension
      project(x, layout.grouping, into: q, key, observe: observe)
      for row in 0..<rows {
        latentNorm.apply(key + row * keyWidth, tokens: 1, into: normalized + row * rank)
        (key + row * keyWidth).update(from: normalized + row * rank, count: rank)
      }
      observe?(.keyValueLatent, normalized, rows)
      absorb(q, rows: rows, layout.grouping, into: absorbed)
      turn(absorbed, key, layout)
      for span in layout.spans {
        let keys = span.cache.block(layer).keys(head: 0)
        for row in 0..<span.count { keys.store(key + (span.firstRow + row) * keyWidth, at: span.firstPosition + row) }
      }
      mix.apply(absorbed, layout: layout, layer: layer, into: latent)
      expand(latent, rows: rows, layout.grouping, into: values)
      observe?(.attentionOutput, values, rows)
      output.apply(values, tokens: rows, grouping: layout.grouping, into: y)
    }
  }

  /// Queries, and what keys and values are made from.
  private func project(
    _ x: InputRows, _ grouping: TokenGrouping, into q: UnsafeMutablePointer<Float>, _ key: UnsafeMutablePointer<Float>,
    observe: InputObserver?
  ) {
    switch query {
    case .direct(let linear):
      LinearProducts((linear, q), (compress, key)).apply(x, grouping: grouping)
    case .latent(let down, let norm, let up):
      withScratch(count: x.count * down.outFeatures) { latent in
        LinearProducts((down, latent), (compress, key)).apply(x, grouping: grouping)
        let normalized = InputRows(latent, count: x.count) { range in
          for row in range { norm.apply(row, of: latent, into: latent) }
        }
        up.apply(normalized.told(.queryLatent, observe), grouping: grouping, into: q)
      }
    }
  }

  /// `absorbed[row, head] = (W_kᵀ q_plain, q_turned)`, still to be turned.
  private func absorb(
    _ q: UnsafePointer<Float>, rows: Int, _ grouping: TokenGrouping, into absorbed: UnsafeMutablePointer<Float>
  ) {
    let c = configuration
    let (heads, width) = (mix.headCount, c.plainDimension + c.rotaryDimension)
    byHead(
      q, rows: rows, grouping, width: width, take: c.plainDimension, keyExpansions, into: absorbed,
      stride: mix.keyDimension)
    for line in 0..<(rows * heads) {
      (absorbed + line * mix.keyDimension + c.keyValueRank)
        .update(from: q + line * width + c.plainDimension, count: c.rotaryDimension)
    }
  }

  /// `values[row, head] = W_v latent[row, head]`.
  private func expand(
    _ latent: UnsafePointer<Float>, rows: Int, _ grouping: TokenGrouping, into values: UnsafeMutablePointer<Float>
  ) {
    byHead(
      latent, rows: rows, grouping, width: configuration.keyValueRank, take: configuration.keyValueRank,
      valueExpansions, into: values, stride: configuration.valueDimension)
  }

  /// Applies each head's matrix to the first `take` entries of that head's part of every row.
  private func byHead(
    _ x: UnsafePointer<Float>, rows: Int, _ grouping: TokenGrouping, width: Int, take: Int,
    _ matrices: [DenseLinear], into y: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let heads = mix.headCount
    for (head, matrix) in matrices.enumerated() {
      withScratch(count: rows * (take + matrix.outFeatures)) { gathered in
        let products = gathered + rows * take
        for row in 0..<rows {
          (gathered + row * take).update(from: x + (row * heads + head) * width, count: take)
        }
        matrix.apply(gathered, tokens: rows, grouping: grouping, into: products)
        for row in 0..<rows {
          (y + (row * heads + head) * stride).update(
            from: products + row * matrix.outFeatures, count: matrix.outFeatures)
        }
      }
    }
  }

  /// Turns the last `rotaryDimension` entries of every query and of the shared key.
  ///
  /// Neighbouring pairs are first put apart into halves; queries and keys alike, so that scores stay what they are.
  private func turn(
    _ absorbed: UnsafeMutablePointer<Float>, _ key: UnsafeMutablePointer<Float>, _ layout: BatchLayout
  ) {
    let kernels = ck_active().pointee
    let (heads, width, rank) = (mix.headCount, mix.keyDimension, configuration.keyValueRank)
    let dimension = configuration.rotaryDimension
    layout.withAngles(rotary) { angles in
      layout.forRows { _, row in
        guard let (half, cosine, sine) = angles(row) else { return }
        withScratch(count: dimension) { pairs in
          func turn(_ part: UnsafeMutablePointer<Float>) {
            if configuration.isInterleaved {
              for index in 0..<(dimension / 2) {
                pairs[index] = part[2 * index]
                pairs[dimension / 2 + index] = part[2 * index + 1]
              }
              part.update(from: pairs, count: dimension)
            }
            kernels.rotary(part, 1, dimension, half, cosine, sine)
          }
          for head in 0..<heads { turn(absorbed + (row * heads + head) * width + rank) }
          turn(key + row * width + rank)
        }
      }
    }
  }
}
