import CKernels
import Tensors

/// The attention of one block, whatever its projections.
protocol Attention: Sendable {
  /// Writes `y[rows, hiddenSize]` from the normalised `x[rows, hiddenSize]`, and extends the caches of `layout`.
  func apply(
    _ x: UnsafePointer<Float>, layout: BatchLayout, layer: Int, into y: UnsafeMutablePointer<Float>,
    observe: InputObserver?)
}

/// Attention with grouped key and value heads, projected straight from the residual stream.
struct GroupedAttention: Attention {
  /// How queries, keys and values are made.
  enum Projections: Sendable {
    /// `[headCount · d, hiddenSize]`, and twice `[keyValueHeadCount · d, hiddenSize]`.
    case separate(query: any Linear, key: any Linear, value: any Linear)
    /// All three stacked.
    case fused(any Linear)
  }

  let projections: Projections
  /// `[hiddenSize, headCount · d]`.
  let output: any Linear
  /// Norms of each head's query and key.
  let headNorms: (query: RMSNorm, key: RMSNorm)?
  /// Which of the model's rotary embeddings turns queries and keys.
  let rotary: Int
  let mix: AttentionMix

  func apply(
    _ x: UnsafePointer<Float>, layout: BatchLayout, layer: Int, into y: UnsafeMutablePointer<Float>,
    observe: InputObserver?
  ) {
    let rows = layout.rows
    let dimension = mix.keyDimension
    let (queryWidth, keyWidth) = (mix.headCount * dimension, mix.keyValueHeadCount * dimension)
    observe?(.attention, x, rows)
    withScratch(count: rows * (2 * queryWidth + 2 * keyWidth)) { q in
      let k = q + rows * queryWidth
      let v = k + rows * keyWidth
      let mixed = v + rows * keyWidth
      project(x, rows: rows, layout.grouping, q, k, v)
      if let headNorms {
        headNorms.query.apply(q, tokens: rows * mix.headCount, into: q)
        headNorms.key.apply(k, tokens: rows * mix.keyValueHeadCount, into: k)
      }
      turn(q, k, layout)
      store(k, v, layout: layout, layer: layer)
      mix.apply(q, layout: layout, layer: layer, into: mixed)
      observe?(.attentionOutput, mixed, rows)
      output.apply(mixed, tokens: rows, grouping: layout.grouping, into: y)
    }
  }

  private func project(
    _ x: UnsafePointer<Float>, rows: Int, _ grouping: TokenGrouping, _ q: UnsafeMutablePointer<Float>,
    _ k: UnsafeMutablePointer<Float>, _ v: UnsafeMutablePointer<Float>
  ) {
    switch projections {
    case .separate(let query, let key, let value):
      query.apply(x, tokens: rows, grouping: grouping, into: q)
      key.apply(x, tokens: rows, grouping: grouping, into: k)
      value.apply(x, tokens: rows, grouping: grouping, into: v)
    case .fused(let all):
      let (queryWidth, keyWidth) = (
        mix.headCount * mix.keyDimension, mix.keyValueHeadCount * mix.keyDimension
      )
      withScratch(count: rows * all.outFeatures) { stacked in
        all.apply(x, tokens: rows, grouping: grouping, into: stacked)
        for row in 0..<rows {
          let line = stacked + row * all.outFeatures
          (q + row * queryWidth).update(from: line, count: queryWidth)
          (k + row * keyWidth).update(from: line + queryWidth, count: keyWidth)
          (v + row * keyWidth).update(from: line + queryWidth + keyWidth, count: keyWidth)
        }
      }
    }
  }

  private func turn(_ q: UnsafeMutablePointer<Float>, _ k: UnsafeMutablePointer<Float>, _ layout: BatchLayout) {
    let kernels = ck_active().pointee
    let dimension = mix.keyDimension
    layout.withAngles(rotary) { half, cosine, sine in
      for row in 0..<layout.rows {
        let (c, s) = (cosine + row * half, sine + row * half)
        kernels.rotary(q + row * mix.headCount * dimension, mix.headCount, dimension, half, c, s)
        kernels.rotary(k + row * mix.keyValueHeadCount * dimension, mix.keyValueHeadCount, dimension, half, c, s)
      }
    }
  }

  /// Keeps the new keys and values behind the old ones.
  private func store(_ k: UnsafePointer<Float>, _ v: UnsafePointer<Float>, layout: BatchLayout, layer: Int) {
    let dimension = mix.keyDimension
    let width = mix.keyValueHeadCount * dimension
    for span in layout.spans {
      let block = span.cache.block(layer)
      for head in 0..<mix.keyValueHeadCount {
        let keys = block.keys(head: head)
        let values = block.values(head: head)
        for row in 0..<span.count {
          let offset = (span.firstRow + row) * width + head * dimension
          keys.store(k + offset, at: span.firstPosition + row)
          values.store(v + offset, at: span.firstPosition + row)
        }
      }
    }
  }
}
