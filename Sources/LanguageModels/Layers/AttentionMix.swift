import CKernels
import Tensors

/// The heart of causal attention: mixes cached values by the scores of their keys.
///
/// For query head `h` and position `t`: `softmax(scale · q_h(t) · k_g(s)) · v_g(s)` over the visible `s ≤ t`, with
/// `g = h / (headCount / keyValueHeadCount)`.
struct AttentionMix: Sendable {
  let headCount: Int
  let keyValueHeadCount: Int
  /// Width of a query and of a key.
  let keyDimension: Int
  /// Width of a value.
  let valueDimension: Int
  let scale: Float
  /// Positions a token sees, itself included.
  let window: Int?
  let softCap: Float?

  /// Queries handled together: their scores share the unpacked keys and values.
  private static let queryBlock = 64
  /// Heads of a group handled together: as many as the kernels take to a key, so that threads have work where one key serves all.
  private static let headBlock = 4

  /// One independent piece of work: queries of one sequence and one group of heads, which share keys and values.
  private struct Task {
    /// What the sequence has kept in this block.
    let block: CachedBlock
    /// The sequence's first row, and its position.
    let firstRow: Int
    let firstPosition: Int
    let group: Int
    /// The first head, and how many.
    let head: Int
    let heads: Int
    let first: Int
    let count: Int
  }

  /// Whether the queries of a head to `tokens` new tokens of a sequence are mixed together.
  private func mixesInBlocks(_ grouping: TokenGrouping, tokens: Int) -> Bool {
    grouping.usesTiles(tokens: tokens, limit: 3)
  }

  /// Mixes for queries `q[rows, headCount · keyDimension]` into `mixed[rows, headCount · valueDimension]`.
  func apply(
    _ q: UnsafePointer<Float>, layout: BatchLayout, layer: Int, into mixed: UnsafeMutablePointer<Float>
  ) {
    var tasks: [Task] = []
    let groupSize = headCount / keyValueHeadCount
    for span in layout.spans {
      let block = span.cache.block(layer)
      let isBlocked = mixesInBlocks(layout.grouping, tokens: span.count)
      // A token's heads of one group go together; so do the tokens of one head where they are many.
      let together = isBlocked ? 1 : Self.headBlock
      for group in 0..<keyValueHeadCount {
        for head in stride(from: 0, to: groupSize, by: together) {
          for first in stride(from: 0, to: span.count, by: Self.queryBlock) {
            tasks.append(
              Task(
                block: block, firstRow: span.firstRow, firstPosition: span.firstPosition, group: group,
                head: group * groupSize + head, heads: min(together, groupSize - head),
                first: first, count: min(Self.queryBlock, span.count - first)))
          }
        }
      }
    }
    // Few short single-token tasks are done faster than workers are woken.
    let work = tasks.reduce(0) {
      $0 + $1.heads * $1.count * ($1.firstPosition + $1.first + $1.count) * keyDimension
    }
    if work < 1 << 15 {
      for index in tasks.indices { run(tasks, index, q, layout.grouping, into: mixed) }
    } else {
      parallelFor(tasks.count) { run(tasks, $0, q, layout.grouping, into: mixed) }
    }
  }

  /// Whether rows are best mixed one by one, each by the thread that goes on with it: of so few sequences that tokens are not prepared in groups, of which every
  /// thread has some and none is much longer than the others. Where a single token is mixed as many are, it is so in any company.
  func goesByRow(_ layout: BatchLayout) -> Bool {
    let parts = 2 * WorkerPool.shared.threadCount
    guard layout.rows >= parts, layout.rows < ProductLoops.laneCount, layout.spans.count == layout.rows,
      !mixesInBlocks(layout.grouping, tokens: 1)
    else { return false }
    var (longest, all) = (0, 0)
    for row in 0..<layout.rows {
      let position = layout.position(row, in: row)
      let visible = position + 1 - firstVisible(position)
      (longest, all) = (max(longest, visible), all + visible)
    }
    return parts * longest <= all
  }

  /// Mixes for all heads of a row that is a sequence's only new token, at `position`.
  func mix(
    row: Int, position: Int, _ block: CachedBlock, _ q: UnsafePointer<Float>, into mixed: UnsafeMutablePointer<Float>
  ) {
    let groupSize = headCount / keyValueHeadCount
    for group in 0..<keyValueHeadCount {
      for head in stride(from: 0, to: groupSize, by: Self.headBlock) {
        let task = Task(
          block: block, firstRow: row, firstPosition: position, group: group, head: group * groupSize + head,
          heads: min(Self.headBlock, groupSize - head), first: 0, count: 1)
        mixOne(task, row: 0, q, into: mixed)
      }
      if group + 1 < keyValueHeadCount { prefetchKeys(of: group + 1, block, position: position) }
    }
  }

  /// Asks memory for the first keys that a token at `position` sees.
  func prefetchKeys(of group: Int, _ block: CachedBlock, position: Int) {
    let first = firstVisible(position)
    block.keys(head: group).from(first).prefetch(count: position + 1 - first)
  }

  private func run(
    _ tasks: [Task], _ index: Int, _ q: UnsafePointer<Float>, _ grouping: TokenGrouping,
    into mixed: UnsafeMutablePointer<Float>
  ) {
    let task = tasks[index]
    if task.heads == 1, mixesInBlocks(grouping, tokens: task.count) {
      mixBlock(task, q, into: mixed)
      return
    }
    for offset in 0..<task.count { mixOne(task, row: task.first + offset, q, into: mixed) }
    // Other sequences' keys are seldom in a cache.
    guard index + 1 < tasks.count else { return }
    let next = tasks[index + 1]
    prefetchKeys(of: next.group, next.block, position: next.firstPosition + next.first)
  }

  /// The first position that a token at `position` sees.
  private func firstVisible(_ position: Int) -> Int {
    window.map { max(0, position - $0 + 1) } ?? 0
  }

  /// One token's queries against the positions they see.
  private func mixOne(
    _ task: Task, row: Int, _ q: UnsafePointer<Float>, into mixed: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let position = task.firstPosition + row
    let first = firstVisible(position)
    let positions = position + 1 - first
    let line = (task.firstRow + row) * headCount + task.head
    let keys = task.block.keys(head: task.group).from(first)
    let values = task.block.values(head: task.group).from(first)
    values.prefetch(count: positions)
    withScratch(count: task.heads * positions) { scores in
      kernels.attention_scores(
        q + line * keyDimension, task.heads, keys.entries, keys.form.storage, keys.stride, positions, keyDimension,
        scale,
        scores, positions)
      for head in 0..<task.heads {
        let scores = scores + head * positions
        keys.scale(scores, count: positions)
        if let softCap { kernels.soft_cap(scores, positions, softCap) }
        kernels.softmax(scores, positions)
        values.scale(scores, count: positions)
      }
      kernels.attention_mix(
        scores, positions, task.heads, values.entries, values.form.storage, values.stride, positions, valueDimension,
        mixed + line * valueDimension)
    }
  }

  /// A block of queries of one head: scores and mixtures are matrix products over panels of keys and of values.
  private func mixBlock(
    _ task: Task, _ q: UnsafePointer<Float>, into mixed: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let panelWidth = Int(CK_PANEL)
    let firstPosition = task.firstPosition + task.first
    let origin = firstVisible(firstPosition)
    let keys = task.block.keys(head: task.group).from(origin)
    let values = task.block.values(head: task.group).from(origin)
    let positions = firstPosition + task.count - origin
    let line = (task.firstRow + task.first) * headCount + task.head
    withScratch(count: task.count * positions + panelWidth * max(keyDimension, positions)) { scores in
      let panel = scores + task.count * positions
      for first in stride(from: 0, to: positions, by: panelWidth) {
        let width = min(panelWidth, positions - first)
        kernels.pack_panel(
          keys.from(first).entries, keys.form.storage, keys.stride, width, keyDimension, panel)
        kernels.gemm_panel(
          q + line * keyDimension, headCount * keyDimension, task.count, panel, keyDimension, scores + first,
          positions, width, 0)
      }
      for query in 0..<task.count {
        keys.scale(scores + query * positions, count: positions)
        weigh(scores + query * positions, position: firstPosition + query, origin: origin, count: positions)
      }
      for first in stride(from: 0, to: valueDimension, by: panelWidth) {
        let width = min(panelWidth, valueDimension - first)
        for position in 0..<positions {
          values.read(position, first: first, count: width, into: panel + position * panelWidth)
          for lane in width..<panelWidth { panel[position * panelWidth + lane] = 0 }
        }
        kernels.gemm_panel(
          scores, positions, task.count, panel, positions, mixed + line * valueDimension + first,
          headCount * valueDimension, width, 0)
      }
    }
  }

  /// Turns the products of one query with the positions from `origin` on into weights; unseen positions get none.
  private func weigh(_ line: UnsafeMutablePointer<Float>, position: Int, origin: Int, count: Int) {
    let kernels = ck_active().pointee
    let visible = (firstVisible(position) - origin)..<(position + 1 - origin)
    for index in 0..<visible.lowerBound { line[index] = 0 }
    for index in visible { line[index] *= scale }
    if let softCap { kernels.soft_cap(line + visible.lowerBound, visible.count, softCap) }
    kernels.softmax(line + visible.lowerBound, visible.count)
    for index in visible.upperBound..<count { line[index] = 0 }
  }
}
