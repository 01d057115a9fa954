import CKernels
import Tensors

/// The attention of one block, whatever its projections.
protocol Attention: Sendable {
  /// Writes `y[rows, hiddenSize]` from the normalised `x[rows, hiddenSize]`, which may lie in `y` (it is written last), and extends the caches of `layout`.
  func apply(
    _ x: InputRows, layout: BatchLayout, layer: Int, into y: UnsafeMutablePointer<Float>,
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
    _ x: InputRows, layout: BatchLayout, layer: Int, into y: UnsafeMutablePointer<Float>,
    observe: InputObserver?
  ) {
    let rows = layout.rows
    let dimension = mix.keyDimension
    let (queryWidth, keyWidth) = (mix.headCount * dimension, mix.keyValueHeadCount * dimension)
    withScratch(count: rows * (2 * queryWidth + 2 * keyWidth)) { q in
      let k = q + rows * queryWidth
      let v = k + rows * keyWidth
      let mixed = v + rows * keyWidth
      project(x.told(.attention, observe), layout.grouping, q, k, v)
      let blocks = layout.spans.map { $0.cache.block(layer) }
      layout.withAngles(rotary) { angles in
        func write(_ mixed: InputRows) {
          output.apply(mixed.told(.attentionOutput, observe), grouping: layout.grouping, into: y)
        }
        func finish(_ span: Int, _ row: Int) {
          self.finish(row, q, k, v, angles: angles(row), block: blocks[span], at: layout.position(row, in: span))
        }
        guard mix.goesByRow(layout) else {
          layout.forRows(finish)
          mix.apply(q, layout: layout, layer: layer, into: mixed)
          return write(InputRows(mixed, count: rows))
        }
        // Each span is a row.
        let attended = InputRows(mixed, count: rows) { range in
          for row in range {
            let position = layout.position(row, in: row)
            mix.prefetchKeys(of: 0, blocks[row], position: position)
            finish(row, row)
            mix.mix(row: row, position: position, blocks[row], q, into: mixed)
          }
        }
        write(attended)
      }
    }
  }

  private func project(
    _ x: InputRows, _ grouping: TokenGrouping, _ q: UnsafeMutablePointer<Float>, _ k: UnsafeMutablePointer<Float>,
    _ v: UnsafeMutablePointer<Float>
  ) {
    switch projections {
    case .separate(let query, let key, let value):
      LinearProducts((query, q), (key, k), (value, v)).apply(x, grouping: grouping)
    case .fused(let all):
      let (queryWidth, keyWidth) = (
        mix.headCount * mix.keyDimension, mix.keyValueHeadCount * mix.keyDimension
      )
      withScratch(count: x.count * all.outFeatures) { stacked in
        all.apply(x, grouping: grouping, into: stacked)
        for row in 0..<x.count {
          let line = stacked + row * all.outFeatures
          (q + row * queryWidth).update(from: line, count: queryWidth)
          (k + row * keyWidth).update(from: line + queryWidth, count: keyWidth)
          (v + row * keyWidth).update(from: line + queryWidth + keyWidth, count: keyWidth)
        }
      }
    }
  }

  /// Norms and turns a row's queries and keys, and keeps its keys and values behind the old ones.
  private func finish(
    _ row: Int, _ q: UnsafeMutablePointer<Float>, _ k: UnsafeMutablePointer<Float>, _ v: UnsafePointer<Float>,
    angles: BatchLayout.RowAngles?, block: CachedBlock, at position: Int
  ) {
    let kernels = ck_active().pointee
    let (dimension, heads, groups) = (mix.keyDimension, mix.headCount, mix.keyValueHeadCount)
    let (q, k, v) = (q + row * heads * dimension, k + row * groups * dimension, v + row * groups * dimension)
    headNorms?.query.apply(q, tokens: heads, into: q)
    headNorms?.key.apply(k, tokens: groups, into: k)
    if let (half, cosine, sine) = angles {
      kernels.rotary(q, heads, dimension, half, cosine, sine)
      kernels.rotary(k, groups, dimension, half, cosine, sine)
    }
    for group in 0..<groups {
      block.keys(head: group).store(k + group * dimension, at: position)
      block.values(head: group).store(v + group * dimension, at: position)
    }
  }
}
