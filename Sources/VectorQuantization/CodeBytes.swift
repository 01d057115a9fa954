import CKernels
import Tensors

/// Large codebooks of one part as int8, for the integer kernel that reads packed codes (see `ck_vq_bytes`).
///
/// Codes stay as they are stored. Tables take a quarter of what they take in float32: 4096 centroids of eight elements fit the
/// first-level cache, 65536 the second-level one.
final class CodeBytes: @unchecked Sendable {
  /// Columns with those that pad an activation to whole blocks.
  let paddedColumns: Int
  private let codes: ck_vq_bytes
  /// What the pointers in `codes` lead into, besides the packed codes.
  private let memory: [Any]

  /// Tables for `matrix`, whose codes must outlive this value, or nil where they are of no use: long vectors, few codes,
  /// centroids that integers cannot say, or a machine without fast integer products.
  init?(_ matrix: ck_vq_matrix, rows: Int, main: [Float], residual: [Float]?, vectorLength: Int, kernels: ck_kernels) {
    let mainCount = main.count / vectorLength
    let residualCount = (residual?.count ?? 0) / vectorLength
    guard vectorLength <= kernels.byte_vector_length,
      rows * matrix.columns >= max(CodePlanes.leastCodes, 2 * (mainCount + residualCount)), matrix.columns <= 1 << 16,
      (main + (residual ?? [])).allSatisfy({ abs($0) < CodePlanes.largestElement })
    else { return nil }
    let layout = PlaneLayout(matrix, rows: rows, mainCount: mainCount, residualCount: residualCount)
    let usage = layout.stageUsage()
    let mainBytes = CentroidBytes(main, vectorLength: vectorLength, usage: usage.main)
    let restBytes = residual.map { CentroidBytes($0, vectorLength: vectorLength, usage: usage.residual) }
    guard
      let own = CodeEscapes(
        main: mainBytes, residual: restBytes, mainBits: matrix.main_bits, usage: usage, vectorLength: vectorLength)
    else { return nil }
    let escapes = layout.escapes(own, vectorLength: vectorLength)
    codes = ck_vq_bytes(
      codes: matrix.codes, row_stride: matrix.row_stride, columns: matrix.columns, code_bits: matrix.code_bits,
      main_bits: matrix.main_bits, vector_length: UInt32(vectorLength), main: mainBytes.bytes.address(),
      residual: restBytes?.bytes.address(), main_scale: mainBytes.unit, residual_scale: restBytes?.unit ?? 0,
      escapes: escapes?.view ?? ck_escapes())
    paddedColumns = layout.paddedColumns
    memory = [mainBytes.bytes, restBytes?.bytes as Any, escapes as Any]
  }

  /// Adds the products of vector rows `rows` with `tokens` activations, `stride` apart, to sums that are `sumStride` apart.
  func accumulate(
    _ splits: UnsafePointer<ck_split_activation>, stride: Int, tokens: Int, rows: Range<Int>,
    into sums: UnsafeMutablePointer<Float>, sumStride: Int, kernels: ck_kernels
  ) {
    withUnsafePointer(to: codes) { codes in
      for token in 0..<tokens {
        kernels.vq_bytes(codes, rows.lowerBound, rows.upperBound, splits + token * stride, sums + token * sumStride)
      }
    }
  }
}
