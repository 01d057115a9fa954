import CKernels
import Tensors

/// Quantization column by column with error feedback (paper, Algorithm 1, with rows of the Cholesky factor).
///
///     q_c = Quant_c(w_c);   e_c = (w_c − q_c) / U_cc;   w_j ← w_j − e_c U_cj   for j > c
///
/// Output rows do not depend on one another, so the matrix is cut into fixed chunks of whole vector rows, each of which
/// runs through all columns by itself.
package struct ColumnwiseQuantizer {
  /// What one pass yields.
  package struct Result: Sendable {
    package var codes: ColumnCodes
    /// Transposed; each column as it was when it was quantized.
    package var targets: [Float]
  }

  private static let blockSize = 128

  let assigner: ColumnAssigner

  private var layout: ColumnLayout { assigner.layout }

  /// A quantizer for matrices of `layout` with the given codebooks.
  package init(layout: ColumnLayout, codebooks: CodebookSet, beamWidth: Int) {
    assigner = ColumnAssigner(layout: layout, codebooks: codebooks, beamWidth: beamWidth)
  }

  /// Quantizes the transposed `weights` (`inFeatures × stride`) with the factor `U` (`inFeatures × inFeatures`, upper).
  ///
  /// Without `feedback` every column takes its nearest centroids.
  package func run(weights: [Float], factor: [Float], feedback: Bool = true) -> Result {
    let hasResidual = assigner.hasResidual
    var codes = ColumnCodes(layout: layout, hasResidual: hasResidual)
    var targets = [Float](repeating: 0, count: weights.count)
    let chunkRows = layout.chunkRows
    weights.withUnsafeBufferPointer { weights in
      factor.withUnsafeBufferPointer { factor in
        targets.withUnsafeMutableBufferPointer { targets in
          codes.main.withUnsafeMutableBufferPointer { main in
            codes.residual.withUnsafeMutableBufferPointer { residual in
              codes.outlier.withUnsafeMutableBufferPointer { outliers in
                guard let weights = weights.baseAddress, let factor = factor.baseAddress,
                  let targets = targets.baseAddress
                else { return }
                let sink = CodeSink(
                  main: main.baseAddress, residual: hasResidual ? residual.baseAddress : nil,
                  outlier: outliers.baseAddress)
                parallelFor((layout.outFeatures + chunkRows - 1) / chunkRows) { chunk in
                  let first = chunk * chunkRows
                  runChunk(
                    firstRow: first, rows: min(chunkRows, layout.outFeatures - first),
                    width: min(chunkRows, layout.stride - first), weights: weights, factor: factor,
                    targets: targets, sink: sink, feedback: feedback)
                }
              }
            }
          }
        }
      }
    }
    return Result(codes: codes, targets: targets)
  }

  private func runChunk(
    firstRow: Int, rows: Int, width: Int, weights: UnsafePointer<Float>, factor: UnsafePointer<Float>,
    targets: UnsafeMutablePointer<Float>, sink: CodeSink, feedback: Bool
  ) {
    let columns = layout.inFeatures
    let axpy = ck_active().pointee.axpy
    let working = UnsafeMutablePointer<Float>.allocate(capacity: columns * width)
    defer { working.deallocate() }
    for column in 0..<columns {
      (working + column * width).update(from: weights + column * layout.stride + firstRow, count: width)
    }
    let errors = UnsafeMutablePointer<Float>.allocate(capacity: Self.blockSize * width)
    defer { errors.deallocate() }
    errors.update(repeating: 0, count: Self.blockSize * width)
    let quantized = UnsafeMutablePointer<Float>.allocate(capacity: width)
    defer { quantized.deallocate() }
    for block in stride(from: 0, to: columns, by: Self.blockSize) {
      let end = min(block + Self.blockSize, columns)
      for column in block..<end {
        let weight = working + column * width
        (targets + column * layout.stride + firstRow).update(from: weight, count: rows)
        quantize(column: column, firstRow: firstRow, rows: rows, weight: weight, sink: sink, into: quantized)
        guard feedback else { continue }
        let error = errors + (column - block) * width
        let row = factor + column * columns
        let inverse = 1 / row[column]
        for i in 0..<rows { error[i] = (weight[i] - quantized[i]) * inverse }
        for later in column + 1..<end where row[later] != 0 {
          axpy(-row[later], error, working + later * width, rows)
        }
      }
      guard feedback, end < columns else { continue }
      LinearAlgebra.multiplyAccumulate(
        alpha: -1, factor + block * columns + end, aStride: columns, transposed: true, errors, bStride: width,
        into: working + end * width, cStride: width, m: columns - end, n: width, k: end - block)
    }
  }

  private func quantize(
    column: Int, firstRow: Int, rows: Int, weight: UnsafePointer<Float>, sink: CodeSink,
    into quantized: UnsafeMutablePointer<Float>
  ) {
    guard let piece = assigner.piece(column: column, firstRow: firstRow, sink: sink) else { return }
    let d = piece.assigner.main.dimension
    let count = (rows + d - 1) / d
    piece.assigner.assign(weight, count: count, mainCodes: piece.main, residualCodes: piece.residual)
    piece.decode(count: count, into: quantized)
  }
}
