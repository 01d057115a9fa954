import CKernels

/// The product of many tokens with a matrix whose tiles are made on the fly: `y[t, r] = Σ_k x[t, k] · W[r, k]`.
///
/// Each panel of outputs is made by itself; an output is one chain of sums in rising `k`, whichever thread makes it.
package struct PanelProduct {
  /// Columns of a tile: a tile of `CK_PANEL` outputs then fills a quarter of a mebibyte.
  private static let depth = 2048
  /// Tokens that share a tile while it is in cache.
  private static let tokenBlock = 96

  private let x: UnsafePointer<Float>
  private let y: UnsafeMutablePointer<Float>
  private let tokens: Int
  private let rows: Int
  private let columns: Int

  package init(
    _ x: UnsafePointer<Float>, tokens: Int, rows: Int, columns: Int, into y: UnsafeMutablePointer<Float>
  ) {
    self.x = x
    self.y = y
    self.tokens = tokens
    self.rows = rows
    self.columns = columns
  }

  /// How many panels the outputs fill.
  package var count: Int { (rows + Int(CK_PANEL) - 1) / Int(CK_PANEL) }

  /// The outputs of panel `index`.
  package func outputs(_ index: Int) -> Range<Int> {
    (index * Int(CK_PANEL))..<min((index + 1) * Int(CK_PANEL), rows)
  }

  /// Makes the outputs of panel `index`, where `fill(first, rows, start, end, panel)` writes outputs `first ..< first + rows`, columns
  /// `start ..< end` of `W` in the layout of `pack_panel`.
  package func run(_ index: Int, fill: (Int, Int, Int, Int, UnsafeMutablePointer<Float>) -> Void) {
    let kernels = ck_active().pointee
    let outputs = outputs(index)
    withScratch(count: Int(CK_PANEL) * min(Self.depth, max(columns, 1))) { panel in
      var start = 0
      repeat {
        let end = min(start + Self.depth, columns)
        fill(outputs.lowerBound, outputs.count, start, end, panel)
        var token = 0
        while token < tokens {
          let block = min(Self.tokenBlock, tokens - token)
          kernels.gemm_panel(
            x + token * columns + start, columns, block, panel, end - start, y + token * rows + outputs.lowerBound,
            rows, outputs.count, start > 0 ? 1 : 0)
          token += block
        }
        start = end
      } while start < columns
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
