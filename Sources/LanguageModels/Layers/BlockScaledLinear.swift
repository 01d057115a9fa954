import CKernels
import Tensors

/// A matrix kept as 8-bit floats with a scale for each block; rows are decoded as they are used.
struct BlockScaledLinear: Linear {
  /// `[outFeatures, inFeatures]`, one byte each.
  let weight: Tensor
  let scales: BlockScales
  /// Added to the output, `[outFeatures]`.
  let bias: [Float]?

  var inFeatures: Int { weight.shape[1] }
  var outFeatures: Int { weight.shape[0] }
  var storedBytes: Int { weight.shape.elementCount + 4 * scales.values.count + 2 * (bias?.count ?? 0) }

  /// By tiles however few tokens there are.
  func withLoops(
    _ x: UnsafePointer<Float>, tokens: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>, share: Double,
    _ body: ProductLoops.Body
  ) {
    let columns = inFeatures
    let width = Int(CK_PANEL)
    let panels = PanelProduct(x, tokens: tokens, rows: outFeatures, columns: columns, into: y)
    weight.withUnsafeBytes { bytes in
      body(false, { _ in }, panels.count) { index in
        panels.run(index) { first, count, start, end, panel in
          for row in 0..<count {
            scales.decode(bytes, row: first + row, columns: start..<end, stride: columns) { column, value in
              panel[(column - start) * width + row] = value
            }
          }
          for row in count..<width {
            for column in 0..<(end - start) { panel[column * width + row] = 0 }
          }
        }
        bias?.add(panels.outputs(index), to: y, tokens: tokens)
      }
    }
  }
}
