import CKernels
import Tensors

/// Coordinate descent on the codes: every column chosen again, all others held fixed.
///
/// With `E = W − Q` the loss `tr(Eᵀ H E)` has its minimum over column `c` alone at `t_c = q_c + (H E)_c / H_cc`, and grows
/// with `H_cc` times the squared distance from there; so the vectors nearest to `t_c` are the best codes of that column.
/// The error feedback of one pass can only look ahead; this also mends what earlier columns left, and it never makes
/// the loss worse.
struct CodeDescent {
  private static let blockSize = 128

  let assigner: ColumnAssigner
  /// `H`, `inFeatures × inFeatures`.
  let metric: [Float]
  /// `inFeatures × stride`, transposed.
  let weights: [Float]

  private var layout: ColumnLayout { assigner.layout }

  /// One pass over all columns in storage order.
  func improve(_ codes: inout ColumnCodes) {
    metric.withUnsafeBufferPointer { metric in
      weights.withUnsafeBufferPointer { weights in
        codes.main.withUnsafeMutableBufferPointer { main in
          codes.residual.withUnsafeMutableBufferPointer { residual in
            codes.outlier.withUnsafeMutableBufferPointer { outliers in
              guard let metric = metric.baseAddress, let weights = weights.baseAddress else { return }
              let sink = CodeSink(
                main: main.baseAddress, residual: assigner.hasResidual ? residual.baseAddress : nil,
                outlier: outliers.baseAddress)
              let chunkRows = layout.chunkRows
              parallelFor((layout.outFeatures + chunkRows - 1) / chunkRows) { chunk in
                let first = chunk * chunkRows
                improve(
                  firstRow: first, rows: min(chunkRows, layout.outFeatures - first),
                  width: min(chunkRows, layout.stride - first), weights: weights, metric: metric, sink: sink)
              }
            }
          }
        }
      }
    }
  }

  private func improve(
    firstRow: Int, rows: Int, width: Int, weights: UnsafePointer<Float>, metric: UnsafePointer<Float>, sink: CodeSink
  ) {
    let columns = layout.inFeatures
    let axpy = ck_active().pointee.axpy
    withScratch(count: (2 * columns + Self.blockSize + 2) * width) { scratch in
      let errors = scratch
      let image = errors + columns * width
      let changes = image + columns * width
      let target = changes + Self.blockSize * width
      let chosen = target + width
      scratch.update(repeating: 0, count: (2 * columns + Self.blockSize + 2) * width)
      for column in 0..<columns {
        guard let piece = assigner.piece(column: column, firstRow: firstRow, sink: sink) else { continue }
        let d = piece.assigner.main.dimension
        piece.decode(count: (rows + d - 1) / d, into: chosen)
        let weight = weights + column * layout.stride + firstRow
        for i in 0..<rows { errors[column * width + i] = weight[i] - chosen[i] }
      }
      LinearAlgebra.multiplyAccumulate(
        alpha: 1, metric, aStride: columns, errors, bStride: width, into: image, cStride: width, m: columns, n: width,
        k: columns)
      for block in stride(from: 0, to: columns, by: Self.blockSize) {
        let end = min(block + Self.blockSize, columns)
        for column in block..<end {
          let row = metric + column * columns
          let change = changes + (column - block) * width
          change.update(repeating: 0, count: width)
          guard row[column] > 0, let piece = assigner.piece(column: column, firstRow: firstRow, sink: sink) else {
            continue
          }
          let weight = weights + column * layout.stride + firstRow
          let error = errors + column * width
          let inverse = 1 / row[column]
          for i in 0..<rows { target[i] = weight[i] - error[i] + image[column * width + i] * inverse }
          guard choose(piece, target: target, weight: weight, rows: rows, error: error, chosen: chosen, change: change)
          else { continue }
          for later in column + 1..<end where row[later] != 0 { axpy(row[later], change, image + later * width, rows) }
        }
        guard end < columns else { continue }
        LinearAlgebra.multiplyAccumulate(
          alpha: 1, metric + block * columns + end, aStride: columns, transposed: true, changes, bStride: width,
          into: image + end * width, cStride: width, m: columns - end, n: width, k: end - block)
      }
    }
  }

  /// Takes the codes nearest to `target` where they are nearer than the present ones; false if nothing changed.
  private func choose(
    _ piece: ColumnAssigner.Piece, target: UnsafePointer<Float>, weight: UnsafePointer<Float>, rows: Int,
    error: UnsafeMutablePointer<Float>, chosen: UnsafeMutablePointer<Float>, change: UnsafeMutablePointer<Float>
  ) -> Bool {
    let d = piece.assigner.main.dimension
    let count = (rows + d - 1) / d
    return withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { present in
      for n in 0..<count {
        present[n] = piece.main[n]
        present[count + n] = piece.residual?[n] ?? 0
      }
      piece.assigner.assign(target, count: count, mainCodes: piece.main, residualCodes: piece.residual)
      piece.decode(count: count, into: chosen)
      var isChanged = false
      for n in 0..<count {
        let piecewise = n * d..<min(n * d + d, rows)
        var (before, after): (Float, Float) = (0, 0)
        for i in piecewise {
          let (old, new) = (weight[i] - error[i] - target[i], chosen[i] - target[i])
          before += old * old
          after += new * new
        }
        if after < before {
          isChanged = true
          for i in piecewise {
            let left = weight[i] - chosen[i]
            change[i] = left - error[i]
            error[i] = left
          }
        } else {
          piece.main[n] = present[n]
          piece.residual?[n] = present[count + n]
        }
      }
      return isChanged
    }
  }
}
