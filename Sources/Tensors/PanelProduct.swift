import CKernels

/// The product of many tokens with a matrix whose tiles are made on the fly.
package enum PanelProduct {
  /// Columns of a tile: a tile of `CK_PANEL` outputs then fills a quarter of a mebibyte.
  private static let depth = 2048
  /// Tokens that share a tile while it is in cache.
  private static let tokenBlock = 96

  /// `y[t, r] = Σ_k x[t, k] · W[r, k]`, where `fill(first, rows, start, end, panel)` writes outputs
  /// `first ..< first + rows`, columns `start ..< end` of `W` in the layout of `pack_panel`.
  ///
  /// Tiles are split over the workers; each output is one chain of sums in rising `k`, whatever the split.
  package static func run(
    _ x: UnsafePointer<Float>, tokens: Int, rows: Int, columns: Int, into y: UnsafeMutablePointer<Float>,
    fill: (Int, Int, Int, Int, UnsafeMutablePointer<Float>) -> Void
  ) {
    let kernels = ck_active().pointee
    let width = Int(CK_PANEL)
    parallelFor((rows + width - 1) / width) { index in
      let first = index * width
      let count = min(width, rows - first)
      withScratch(count: width * min(depth, max(columns, 1))) { panel in
        var start = 0
        repeat {
          let end = min(start + depth, columns)
          fill(first, count, start, end, panel)
          var token = 0
          while token < tokens {
            let block = min(tokenBlock, tokens - token)
            kernels.gemm_panel(
              x + token * columns + start, columns, block, panel, end - start, y + token * rows + first, rows, count,
              start > 0 ? 1 : 0)
            token += block
          }
          start = end
        } while start < columns
      }
    }
  }
}

/// Runs `body` with `count` uninitialised floats aligned to a cache line.
package func withScratch<Result>(
  count: Int, _ body: (UnsafeMutablePointer<Float>) throws -> Result
) rethrows -> Result {
  try ScratchMemory.shared.with(byteCount: count * MemoryLayout<Float>.stride) {
    try body($0.bindMemory(to: Float.self, capacity: max(count, 1)))
  }
}
