import Tensors

/// Runs `body` for blocks of the rows `0..<count`, in parallel: for matrices that are gone through column by column, whose lines stay in the
/// second-level cache from one column to the next.
func forRowBlocks(_ count: Int, _ body: (Range<Int>) -> Void) {
  let rows = 64
  parallelFor((count + rows - 1) / rows) { block in
    body(block * rows..<min((block + 1) * rows, count))
  }
}
