import CKernels
import Tensors

/// The codes of one part in the order of the integer kernel, with its codebooks as int8 (see `ck_vq_planes`).
///
/// A second copy of the codes, made once at load: it takes 6 or 8 bits for a main code and 4 or 8 for a residual one. An
/// element of a centroid is off by at most half of `largest / 127`; sums are exact.
struct CodePlanes: @unchecked Sendable {
  /// Columns with those that pad a row to whole registers; they hold code 0 and meet activations of 0.
  let paddedColumns: Int
  private let planes: ck_vq_planes
  /// What the pointers in `planes` lead into.
  private let memory: [Tensor]

  /// Parts with fewer codes gain nothing.
  static let leastCodes = 1 << 14

  /// Planes for `codes` (packed rows as `ck_vq_matrix` reads them), or nil where they are of no use: large codebooks, few
  /// codes, centroids that are no numbers (which integers cannot say), or a machine without byte permutes.
  init?(_ matrix: ck_vq_matrix, rows: Int, main: [Float], residual: [Float]?, vectorLength: Int, kernels: ck_kernels) {
    let mainCount = main.count / vectorLength
    let residualCount = (residual?.count ?? 0) / vectorLength
    guard kernels.prefers_planes != 0, mainCount <= 256, residualCount <= 256,
      rows * matrix.columns >= Self.leastCodes, main.allSatisfy(\.isFinite),
      residual?.allSatisfy(\.isFinite) ?? true
    else { return nil }
    let layout = PlaneLayout(columns: matrix.columns, mainCount: mainCount, residualCount: residualCount)
    let codes = layout.codes(matrix, rows: rows)
    let mainTable = Self.table(main, vectorLength: vectorLength)
    let residualTable = residual.map { Self.table($0, vectorLength: vectorLength) }
    let jointScale = mainTable.scale + (residualTable?.scale ?? 0)
    func share(_ scale: Float) -> Int16 { jointScale > 0 ? Int16(min(32767, scale / jointScale * 32768)) : 0 }
    planes = ck_vq_planes(
      codes: codes.address(), row_stride: layout.rowBytes, columns: layout.paddedColumns,
      vector_length: UInt32(vectorLength), main_count: UInt32(mainCount), residual_count: UInt32(residualCount),
      main: mainTable.bytes.address(), residual: residualTable?.bytes.address(), main_scale: mainTable.scale,
      residual_scale: residualTable?.scale ?? 0, joint_scale: jointScale, joint_main: share(mainTable.scale),
      joint_rest: share(residualTable?.scale ?? 0))
    paddedColumns = layout.paddedColumns
    memory = [codes, mainTable.bytes] + (residualTable.map { [$0.bytes] } ?? [])
  }

  /// Adds the products of vector rows `rows` with `tokens` activations, `stride` apart, to sums that are `sumStride` apart.
  ///
  /// - Parameter isJoint: whether main and residual centroids are rounded to one byte, which is faster for many tokens.
  func accumulate(
    _ splits: UnsafePointer<ck_split_activation>, stride: Int, tokens: Int, isJoint: Bool, rows: Range<Int>,
    into sums: UnsafeMutablePointer<Float>, sumStride: Int, kernels: ck_kernels
  ) {
    withUnsafePointer(to: planes) { planes in
      guard tokens > 1 || isJoint else {
        kernels.vq_planes(planes, rows.lowerBound, rows.upperBound, splits, sums)
        return
      }
      // CK_PLANES_SCRATCH, in floats.
      withScratch(count: 4 * (paddedColumns + 128)) {
        kernels.vq_planes_many(
          planes, rows.lowerBound, rows.upperBound, splits, stride, tokens, isJoint ? 1 : 0, sums, sumStride, $0)
      }
    }
  }

  /// `values[count, vectorLength]` as bytes in `[vectorLength, 256]`, and their unit: value = scale · (byte − 128).
  private static func table(_ values: [Float], vectorLength: Int) -> (bytes: Tensor, scale: Float) {
    let largest = values.reduce(0) { max($0, abs($1)) }
    let inverse = largest > 0 ? 127 / largest : 0
    let bytes = Tensor(dtype: .uint8, shape: [vectorLength, 256]) { bytes in
      for (index, value) in values.enumerated() {
        bytes[index % vectorLength * 256 + index / vectorLength] = UInt8(
          Int((value * inverse).rounded(.toNearestOrEven)) + 128)
      }
    }
    return (bytes, largest / 127)
  }
}
