import CKernels
import Tensors

/// Causal self-attention with grouped key and value heads.
///
/// For query head `h` and position `t`: `softmax(q_h(t) · k_g(s) / √d, s ≤ t) · v_g(s)` with `g = h / groupSize`.
struct Attention: Sendable {
  /// `[headCount · headDimension, hiddenSize]`.
  var query: any Linear
  /// `[keyValueHeadCount · headDimension, hiddenSize]`.
  var key: any Linear
  /// `[keyValueHeadCount · headDimension, hiddenSize]`.
  var value: any Linear
  /// `[hiddenSize, headCount · headDimension]`.
  var output: any Linear
  let headCount: Int
  let keyValueHeadCount: Int
  let headDimension: Int

  /// Queries handled together: their scores share the unpacked keys and values.
  private static let queryBlock = 64

  /// Writes `y[rows, hiddenSize]` from the normalised `x[rows, hiddenSize]`, and extends the caches of `layout`.
  ///
  /// `observe` is given the input of the output projection, `[rows, headCount · headDimension]`.
  func apply(
    _ x: UnsafePointer<Float>, layout: BatchLayout, layer: Int, into y: UnsafeMutablePointer<Float>,
    observe: (UnsafePointer<Float>) -> Void
  ) {
    let kernels = ck_active().pointee
    let rows = layout.rows
    let (queryWidth, keyWidth) = (headCount * headDimension, keyValueHeadCount * headDimension)
    withScratch(count: rows * (2 * queryWidth + 2 * keyWidth)) { scratch in
      let q = scratch
      let k = q + rows * queryWidth
      let v = k + rows * keyWidth
      let mixed = v + rows * keyWidth
      query.apply(x, tokens: rows, into: q)
      key.apply(x, tokens: rows, into: k)
      value.apply(x, tokens: rows, into: v)
      let half = headDimension / 2
      layout.cosine.withUnsafeBufferPointer { cosine in
        layout.sine.withUnsafeBufferPointer { sine in
          guard let cosine = cosine.baseAddress, let sine = sine.baseAddress else { return }
          for row in 0..<rows {
            let (c, s) = (cosine + row * half, sine + row * half)
            kernels.rotary(q + row * queryWidth, headCount, headDimension, half, c, s)
            kernels.rotary(k + row * keyWidth, keyValueHeadCount, headDimension, half, c, s)
          }
        }
      }
      store(k, v, layout: layout, layer: layer)
      mix(q, layout: layout, layer: layer, into: mixed)
      observe(mixed)
      output.apply(mixed, tokens: rows, into: y)
    }
  }

  /// Copies the new keys and values behind the old ones.
  private func store(
    _ k: UnsafePointer<Float>, _ v: UnsafePointer<Float>, layout: BatchLayout, layer: Int
  ) {
    let width = keyValueHeadCount * headDimension
    for span in layout.spans {
      for head in 0..<keyValueHeadCount {
        let keys = span.cache.keys(layer: layer, head: head) + span.firstPosition * headDimension
        let values = span.cache.values(layer: layer, head: head) + span.firstPosition * headDimension
        for row in 0..<span.count {
          let offset = (span.firstRow + row) * width + head * headDimension
          (keys + row * headDimension).update(from: k + offset, count: headDimension)
          (values + row * headDimension).update(from: v + offset, count: headDimension)
        }
      }
    }
  }

  /// One independent piece of work: a block of queries of one sequence and one head.
  private struct Task {
    let span: BatchLayout.Span
    let head: Int
    let first: Int
    let count: Int
  }

  private func mix(
    _ q: UnsafePointer<Float>, layout: BatchLayout, layer: Int, into mixed: UnsafeMutablePointer<Float>
  ) {
    var tasks: [Task] = []
    for span in layout.spans {
      for head in 0..<headCount {
        for first in stride(from: 0, to: span.count, by: Self.queryBlock) {
          tasks.append(Task(span: span, head: head, first: first, count: min(Self.queryBlock, span.count - first)))
        }
      }
    }
    // Few short single-token tasks are done faster than workers are woken.
    let work = tasks.reduce(0) { $0 + $1.count * ($1.span.firstPosition + $1.first + $1.count) * headDimension }
    if work < 1 << 15 {
      for task in tasks { run(task, q, layer: layer, into: mixed) }
    } else {
      parallelFor(tasks.count) { run(tasks[$0], q, layer: layer, into: mixed) }
    }
  }

  private func run(
    _ task: Task, _ q: UnsafePointer<Float>, layer: Int, into mixed: UnsafeMutablePointer<Float>
  ) {
    if task.count < 4 {
      for offset in 0..<task.count { mixOne(task, row: task.first + offset, q, layer: layer, into: mixed) }
    } else {
      mixBlock(task, q, layer: layer, into: mixed)
    }
  }

  /// One query against all positions up to its own.
  private func mixOne(
    _ task: Task, row: Int, _ q: UnsafePointer<Float>, layer: Int, into mixed: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let group = task.head / (headCount / keyValueHeadCount)
    let positions = task.span.firstPosition + row + 1
    let offset = ((task.span.firstRow + row) * headCount + task.head) * headDimension
    let scale = 1 / Float(headDimension).squareRoot()
    withScratch(count: positions) { scores in
      kernels.attention_scores(
        q + offset, task.span.cache.keys(layer: layer, head: group), headDimension, positions, headDimension, scale,
        scores)
      kernels.softmax(scores, positions)
      kernels.attention_mix(
        scores, task.span.cache.values(layer: layer, head: group), headDimension, positions, headDimension,
        mixed + offset)
    }
  }

  /// A block of queries: scores and mixtures are matrix products over panels of keys and of values.
  private func mixBlock(
    _ task: Task, _ q: UnsafePointer<Float>, layer: Int, into mixed: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let panelWidth = Int(CK_PANEL)
    let group = task.head / (headCount / keyValueHeadCount)
    let keys = task.span.cache.keys(layer: layer, head: group)
    let values = task.span.cache.values(layer: layer, head: group)
    let firstPosition = task.span.firstPosition + task.first
    let positions = firstPosition + task.count
    let rowStride = headCount * headDimension
    let origin = (task.span.firstRow + task.first) * rowStride + task.head * headDimension
    let scale = 1 / Float(headDimension).squareRoot()
    withScratch(count: task.count * positions + panelWidth * max(headDimension, positions)) { scores in
      let panel = scores + task.count * positions
      for first in stride(from: 0, to: positions, by: panelWidth) {
        let width = min(panelWidth, positions - first)
        kernels.pack_panel(keys + first * headDimension, CK_F32, headDimension, width, headDimension, panel)
        kernels.gemm_panel(
          q + origin, rowStride, task.count, panel, headDimension, scores + first, positions, width, 0)
      }
      for row in 0..<task.count {
        let visible = firstPosition + row + 1
        let line = scores + row * positions
        for index in 0..<visible { line[index] *= scale }
        kernels.softmax(line, visible)
        for index in visible..<positions { line[index] = 0 }
      }
      for first in stride(from: 0, to: headDimension, by: panelWidth) {
        let width = min(panelWidth, headDimension - first)
        for position in 0..<positions {
          (panel + position * panelWidth).update(from: values + position * headDimension + first, count: width)
          for lane in width..<panelWidth { panel[position * panelWidth + lane] = 0 }
        }
        kernels.gemm_panel(
          scores, positions, task.count, panel, positions, mixed + origin + first, rowStride, width, 0)
      }
    }
  }
}
