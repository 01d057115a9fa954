import CKernels
import Tensors
import VectorQuantization

/// A vector-quantized matrix: its codes are fixed, its codebooks, scales, shifts and bias are tuned.
final class TunedMatrix: BlockMatrix {
  let inFeatures: Int
  let outFeatures: Int
  /// Floats from one input column of a decoded weight to the next, at least `outFeatures`.
  let stride: Int
  let tunedBias: Range<Int>?
  private let parts: [Part]
  /// By input column.
  private let scale: Range<Int>?
  private let shift: Range<Int>?

  /// Columns that share a codebook: a group, or the outliers.
  struct Part {
    /// Its columns in the order of the original matrix's numbers.
    let columns: [Int]
    /// `[columns, vectors]`.
    let codes: [UInt16]
    /// Likewise; empty without a residual.
    let residualCodes: [UInt16]
    let vectors: Int
    let vectorLength: Int
    /// Where its centroids lie among the tuned values.
    let table: Range<Int>
    let residualTable: Range<Int>?
  }

  init(
    _ layer: VectorQuantizedLinear, parts: [Part], scale: Range<Int>?, shift: Range<Int>?, bias: Range<Int>?
  ) {
    inFeatures = layer.inFeatures
    outFeatures = layer.outFeatures
    stride = parts.reduce(0) { max($0, $1.vectors * $1.vectorLength) }
    self.parts = parts
    self.scale = scale
    self.shift = shift
    tunedBias = bias
  }

  var fixedBias: [Float]? { nil }
  var decodedCount: Int { inFeatures * stride }

  /// A range of columns of one part, handled by one worker.
  private struct Piece {
    let part: Int
    let columns: Range<Int>
  }

  private func pieces(_ size: (Part) -> Int) -> [Piece] {
    parts.enumerated().flatMap { index, part in
      let step = size(part)
      return Swift.stride(from: 0, to: part.columns.count, by: step).map {
        Piece(part: index, columns: $0..<min($0 + step, part.columns.count))
      }
    }
  }

  func decode(_ values: UnsafePointer<Float>, into weight: UnsafeMutablePointer<Float>) -> LinearAlgebra.Operand {
    let kernels = ck_active().pointee
    let pieces = pieces { _ in 32 }
    parallelFor(pieces.count) { index in
      let part = parts[pieces[index].part]
      part.withColumn(values) { column, select in
        for position in pieces[index].columns {
          let original = part.columns[position]
          let target = weight + original * stride
          select(position)
          kernels.vq_column(
            column, scale.map { values[$0.lowerBound + original] } ?? 1,
            shift.map { values[$0.lowerBound + original] } ?? 0, target)
          let written = part.vectors * part.vectorLength
          (target + written).update(repeating: 0, count: stride - written)
        }
      }
    }
    return LinearAlgebra.Operand(weight, stride: stride)
  }

  /// Each part's columns are cut into at most this many pieces, whatever the number of threads; each piece sums for itself.
  private static let sumsPerPart = 8

  /// Adds to the gradient of the tuned values what the gradient `[inFeatures, stride]` of the decoded weight means for them.
  func addGradient(
    _ dweight: UnsafePointer<Float>, values: UnsafePointer<Float>, to gradient: UnsafeMutablePointer<Float>
  ) {
    let kernels = ck_active().pointee
    let pieces = pieces { max(64, ($0.columns.count + Self.sumsPerPart - 1) / Self.sumsPerPart) }
    var offsets = [0]
    for piece in pieces { offsets.append(offsets[offsets.count - 1] + parts[piece.part].tableCount) }
    withScratch(count: offsets[pieces.count]) { sums in
      parallelFor(pieces.count) { index in
        let part = parts[pieces[index].part]
        let main = sums + offsets[index]
        main.update(repeating: 0, count: part.tableCount)
        let residual = part.residualTable.map { _ in main + part.table.count }
        part.withColumn(values) { column, select in
          for position in pieces[index].columns {
            let original = part.columns[position]
            var (dscale, dshift) = (0.0, 0.0)
            select(position)
            kernels.vq_column_gradient(
              column, dweight + original * stride, scale.map { values[$0.lowerBound + original] } ?? 1, main,
              residual, &dscale, &dshift)
            if let scale { gradient[scale.lowerBound + original] += Float(dscale) }
            if let shift { gradient[shift.lowerBound + original] += Float(dshift) }
          }
        }
      }
      for (index, piece) in pieces.enumerated() {
        let part = parts[piece.part]
        let main = sums + offsets[index]
        kernels.axpy(1, main, gradient + part.table.lowerBound, part.table.count)
        if let residual = part.residualTable {
          kernels.axpy(1, main + part.table.count, gradient + residual.lowerBound, residual.count)
        }
      }
    }
  }
}

extension TunedMatrix.Part {
  fileprivate var tableCount: Int { table.count + (residualTable?.count ?? 0) }

  /// Runs `body` with a column for the kernels, and a function that points it at the codes of one of this part's columns.
  fileprivate func withColumn(
    _ values: UnsafePointer<Float>, _ body: (UnsafeMutablePointer<ck_vq_column>, (Int) -> Void) -> Void
  ) {
    codes.withUnsafeBufferPointer { codes in
      residualCodes.withUnsafeBufferPointer { residualCodes in
        guard let codes = codes.baseAddress else { return }
        let residual = residualTable == nil ? nil : residualCodes.baseAddress
        var column = ck_vq_column(
          codes: codes, residual_codes: residual, vectors: vectors, vector_length: vectorLength,
          table: values + table.lowerBound, residual_table: residualTable.map { values + $0.lowerBound })
        withUnsafeMutablePointer(to: &column) { column in
          body(column) { position in
            column.pointee.codes = codes + position * vectors
            column.pointee.residual_codes = residual.map { $0 + position * vectors }
          }
        }
      }
    }
  }
}
