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
  func apply(
    _ x: UnsafePointer<Float>, tokens: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>
  ) {
    let (rows, columns) = (outFeatures, inFeatures)
    let width = Int(CK_PANEL)
    weight.withUnsafeBytes { bytes in
      PanelProduct.run(x, tokens: tokens, rows: rows, columns: columns, into: y) { first, count, start, end, panel in
        for row in 0..<count {
          scales.decode(bytes, row: first + row, columns: start..<end, stride: columns) { column, value in
            panel[(column - start) * width + row] = value
          }
        }
        for row in count..<width {
          for column in 0..<(end - start) { panel[column * width + row] = 0 }
        }
      }
    }
    if let bias { DenseLinear.add(bias, to: y, tokens: tokens) }
  }
}
