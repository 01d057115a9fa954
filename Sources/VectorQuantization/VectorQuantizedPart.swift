import CKernels
import Tensors

/// Columns of a layer that share one codebook, as the kernels read them: one group, or the outlier columns.
///
/// The pointers lead into the tensors that it keeps alive, which never change. An object, since products hand it around for every task.
final class VectorQuantizedPart: @unchecked Sendable {
  /// Where its columns start in storage order.
  let firstColumn: Int
  /// How many columns it has.
  let columnCount: Int
  /// Columns of an activation as integers for this part, 0 where it takes no integers.
  let paddedColumns: Int
  /// The same codes for the integer kernel, where it is of use and allowed.
  let planes: CodePlanes?
  /// Large codebooks as int8, likewise.
  let bytes: CodeBytes?
  private let vectorLength: Int
  private let floats: FloatTables

  /// Whether main and residual codes are looked up together, in a table of all sums with `byteCount` bytes.
  ///
  /// One look-up in a table that stays in the second-level cache takes about two thirds of the time of two look-ups;
  /// with more than 4096 sums two small tables win. The table must also be small beside the work it saves: each token
  /// reads `codeCount` codes with it, and may find it in slow memory.
  private static func prefersJointTable(byteCount: Int, codeBits: Int, codeCount: Int) -> Bool {
    codeBits <= 12 && byteCount <= min(256 << 10, codeCount / 2)
  }

  /// Group `group` of `layer`.
  ///
  /// - Parameters:
  ///   - isExact: whether products must use the centroids as stored, in float32.
  ///   - keepsCodes: whether a second form of the codes is kept rather than made for each product.
  convenience init(group: Int, of layer: VectorQuantizedLinear, isExact: Bool, keepsCodes: Bool = true) {
    let settings = layer.settings
    let words = layer.indices.wordsPerRow
    self.init(
      firstColumn: settings.outlierSize + group * settings.groupSize, columnCount: settings.groupSize,
      codes: layer.indices.tensor, offset: group * layer.indices.rowCount * words * 4, rowBytes: words * 4,
      codeBits: settings.codeBits, mainBits: settings.mainBits, vectorLength: settings.vectorLength,
      tables: {
        let main = PaddedTable(layer.centroids, group: group)
        let residual = layer.residualCentroids.map { PaddedTable($0, group: group) }
        let jointBytes = settings.codeBits <= 16 ? (main.stride * 4) << settings.codeBits : .max
        let codeCount = layer.indices.rowCount * layer.indices.columnCount
        guard let residual,
          Self.prefersJointTable(byteCount: jointBytes, codeBits: settings.codeBits, codeCount: codeCount)
        else { return (main, residual) }
        return (main.joined(with: residual, mainBits: settings.mainBits), nil)
      },
      integers: isExact
        ? nil
        : { matrix in
          let rows = layer.indices.rowCount
          let (main, residual) = (
            layer.centroids.floats(group: group), layer.residualCentroids?.floats(group: group)
          )
          let isSmall =
            max(layer.centroids.count, layer.residualCentroids?.count ?? 0) <= ck_active().pointee.plane_centroids
          return isSmall
            ? (
              CodePlanes(
                matrix, rows: rows, main: main, residual: residual, vectorLength: settings.vectorLength,
                isSorted: settings.permutationEnabled, keepsCodes: keepsCodes, kernels: ck_active().pointee), nil
            )
            : (
              nil,
              CodeBytes(
                matrix, rows: rows, main: main, residual: residual, vectorLength: settings.vectorLength,
                kernels: ck_active().pointee)
            )
        })
  }

  /// The outlier columns of `layer`, if it has any; their codes are 16 bits wide.
  convenience init?(outliersOf layer: VectorQuantizedLinear) {
    guard let book = layer.outlierCentroids, let codes = layer.outlierIndices else { return nil }
    let columns = layer.settings.outlierSize
    self.init(
      firstColumn: 0, columnCount: columns, codes: codes, offset: 0, rowBytes: columns * 2, codeBits: 16,
      mainBits: 16, vectorLength: book.vectorLength, tables: { (PaddedTable(book, group: 0), nil) }, integers: nil)
  }

  private init(
    firstColumn: Int, columnCount: Int, codes: Tensor, offset: Int, rowBytes: Int, codeBits: Int, mainBits: Int,
    vectorLength: Int, tables: @escaping @Sendable () -> (main: PaddedTable, residual: PaddedTable?),
    integers: ((ck_vq_matrix) -> (CodePlanes?, CodeBytes?))?
  ) {
    self.firstColumn = firstColumn
    self.columnCount = columnCount
    self.vectorLength = vectorLength
    floats = FloatTables(
      codes: codes, offset: offset, rowBytes: rowBytes, columns: columnCount, codeBits: codeBits, mainBits: mainBits,
      vectorLength: vectorLength, tables: tables)
    (planes, bytes) = integers?(floats.codesAlone) ?? (nil, nil)
    paddedColumns = planes?.paddedColumns ?? bytes?.paddedColumns ?? 0
    // Where integers serve every product the tables are never made.
    if planes == nil { floats.withMatrix { _ in } }
  }

  private init(_ other: VectorQuantizedPart, planes: CodePlanes?) {
    self.planes = planes
    (firstColumn, columnCount, bytes) = (other.firstColumn, other.columnCount, other.bytes)
    (vectorLength, floats, paddedColumns) = (other.vectorLength, other.floats, other.paddedColumns)
  }

  /// The same with all forms of its codes in place.
  func withCodes() -> VectorQuantizedPart { VectorQuantizedPart(self, planes: planes?.withCodes()) }

  /// Adds `Σ_c x[c] · Q[o, c]` over this part's columns to `sums[o - outputs.lowerBound]`.
  ///
  /// `sums` has room for whole vectors where `outputs` starts with one; else vectors that cross the borders of
  /// `outputs` are summed aside and only the wanted share is added.
  func accumulate(
    _ x: UnsafePointer<Float>, outputs: Range<Int>, into sums: UnsafeMutablePointer<Float>, kernels: ck_kernels
  ) {
    let rows = vectorRows(of: outputs)
    floats.withMatrix { matrix in
      if outputs.lowerBound % vectorLength == 0, outputs.upperBound % vectorLength == 0 {
        kernels.vq_gemv(matrix, rows.lowerBound, rows.upperBound, x, sums)
        return
      }
      let skip = outputs.lowerBound - rows.lowerBound * vectorLength
      withScratch(count: rows.count * vectorLength) { aside in
        aside.update(repeating: 0, count: rows.count * vectorLength)
        kernels.vq_gemv(matrix, rows.lowerBound, rows.upperBound, x, aside)
        for index in 0..<outputs.count { sums[index] += aside[skip + index] }
      }
    }
  }

  /// As `accumulate` for several activations that were split for this part, `stride` apart, into sums `sumStride` apart.
  func accumulate(
    _ splits: UnsafePointer<ck_split_activation>, stride: Int, tokens: Int, lanes: ck_token_lanes, outputs: Range<Int>,
    into sums: UnsafeMutablePointer<Float>, sumStride: Int, kernels: ck_kernels
  ) {
    // Only outlier vectors cross the borders of tasks, and they have no planes; a last vector may be longer than needed.
    planes?.accumulate(
      splits, stride: stride, tokens: tokens, lanes: lanes, rows: vectorRows(of: outputs), into: sums,
      sumStride: sumStride, kernels: kernels)
    bytes?.accumulate(
      splits, stride: stride, tokens: tokens, rows: vectorRows(of: outputs), into: sums, sumStride: sumStride,
      kernels: kernels)
  }

  /// Writes `outputs` (at most `CK_PANEL`) of `columns` of this part to a panel.
  func fill(
    _ panel: UnsafeMutablePointer<Float>, outputs: Range<Int>, columns: Range<Int>, kernels: ck_kernels
  ) {
    let rows = vectorRows(of: outputs)
    floats.withMatrix { matrix in
      kernels.vq_panel(
        matrix, rows.lowerBound, rows.upperBound, outputs.lowerBound - rows.lowerBound * vectorLength, outputs.count,
        columns.lowerBound, columns.upperBound, panel)
    }
  }

  private func vectorRows(of outputs: Range<Int>) -> Range<Int> {
    (outputs.lowerBound / vectorLength)..<((outputs.upperBound + vectorLength - 1) / vectorLength)
  }
}
