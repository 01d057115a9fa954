import CKernels
import Tensors

/// The codes of one part in the order of the integer kernel, with its codebooks as int8 (see `ck_vq_planes`).
///
/// A second copy of the codes, made once at load: it takes 6 or 8 bits for a main code and 4 or 8 for a residual one. An
/// element of a centroid is off by at most half a unit of `PlaneBytes`, in each stage; sums are exact. An object with the kernel's view at an address of
/// its own, so that a task copies and counts nothing.
final class CodePlanes: @unchecked Sendable {
  /// Columns with those that pad a row to whole registers; they hold code 0 and meet activations of 0.
  let paddedColumns: Int
  private let planes: UnsafeMutablePointer<ck_vq_planes>
  /// What the pointers in `planes` lead into.
  private let memory: [Any]
  /// How codes get into this order each time they are needed; nil where they are kept.
  private let layout: PlaneLayout?

  /// Parts with fewer codes gain nothing.
  static let leastCodes = 1 << 14

  /// Larger elements of centroids, and what is no number, are left to floating point.
  static let largestElement: Float = 1e30

  /// Planes for `codes` (packed rows as `ck_vq_matrix` reads them), or nil where they are of no use: large codebooks, few
  /// codes, centroids that integers cannot say, or a machine whose look-ups of bytes are not faster.
  ///
  /// - Parameters:
  ///   - isSorted: whether columns are sorted by how much they matter, so that what rounding left is added in the first of them alone: the
  ///     first sixteenth has 42 % of the energy of the activations of SmolLM2-135M. Unsorted, all columns of two stages have it.
  ///   - keepsCodes: whether the second copy of the codes stays; if not, the packed ones must outlive this value.
  init?(
    _ matrix: ck_vq_matrix, rows: Int, main: [Float], residual: [Float]?, vectorLength: Int, isSorted: Bool,
    keepsCodes: Bool, kernels: ck_kernels
  ) {
    let mainCount = main.count / vectorLength
    let residualCount = (residual?.count ?? 0) / vectorLength
    guard max(mainCount, residualCount) <= kernels.plane_centroids,
      rows * matrix.columns >= Self.leastCodes, matrix.columns <= 1 << 16,
      (main + (residual ?? [])).allSatisfy({ abs($0) < Self.largestElement })
    else { return nil }
    let layout = PlaneLayout(matrix, rows: rows, mainCount: mainCount, residualCount: residualCount)
    let (codes, usage) = layout.codes()
    let bytes = PlaneBytes(
      main: main, residual: residual, vectorLength: vectorLength, mainBits: Int(matrix.main_bits), usage: usage)
    guard let own = CodeEscapes(bytes, codeBits: matrix.code_bits, vectorLength: vectorLength) else { return nil }
    let escapes = layout.escapes(own, vectorLength: vectorLength)
    let hasResidual = residual != nil
    let fineColumns =
      bytes.isExact ? 0 : Self.fineColumns(matrix, layout, vectorLength, hasResidual, isSorted: isSorted, kernels)
    planes = .allocate(capacity: 1)
    planes.initialize(
      to: ck_vq_planes(
        codes: codes.address(), band_stride: layout.bandBytes, columns: layout.paddedColumns,
        vector_length: UInt32(vectorLength), main_count: UInt32(mainCount), residual_count: UInt32(residualCount),
        main: bytes.main.address(), residual: bytes.residual?.address(), scale: bytes.unit,
        fine_columns: fineColumns,
        fine_main: bytes.fineMain.address(), fine_residual: bytes.fineResidual?.address(),
        escapes: escapes?.view ?? ck_escapes()))
    paddedColumns = layout.paddedColumns
    // Without codes nothing reads the planes before `withCodes()`.
    memory =
      [bytes.main, bytes.residual as Any, bytes.fineMain, bytes.fineResidual as Any, escapes as Any]
      + (keepsCodes ? [codes] : [])
    self.layout = keepsCodes ? nil : layout
  }

  /// In how many columns what rounding left is added.
  private static func fineColumns(
    _ matrix: ck_vq_matrix, _ layout: PlaneLayout, _ vectorLength: Int, _ hasResidual: Bool, isSorted: Bool,
    _ kernels: ck_kernels
  ) -> Int {
    guard isSorted else { return hasResidual ? layout.paddedColumns : 0 }
    return withUnsafePointer(to: kernels) {
      ck_fine_columns($0, layout.paddedColumns, vectorLength, Int(matrix.code_bits), hasResidual ? 1 : 0)
    }
  }

  private init(_ other: CodePlanes, codes: Tensor) {
    planes = .allocate(capacity: 1)
    planes.initialize(to: other.planes.pointee)
    planes.pointee.codes = codes.address()
    (paddedColumns, memory, layout) = (other.paddedColumns, other.memory + [codes], nil)
  }

  deinit { planes.deallocate() }

  /// The same with its codes in place.
  func withCodes() -> CodePlanes {
    guard let layout else { return self }
    return CodePlanes(self, codes: layout.codesAlone())
  }

  /// Adds the products of vector rows `rows`, which begin with a band, with `tokens` activations, `stride` apart, to sums that are `sumStride` apart.
  ///
  /// - Parameter lanes: the values of the activations once more, which makes many tokens faster.
  func accumulate(
    _ splits: UnsafePointer<ck_split_activation>, stride: Int, tokens: Int, lanes: ck_token_lanes, rows: Range<Int>,
    into sums: UnsafeMutablePointer<Float>, sumStride: Int, kernels: ck_kernels
  ) {
    guard tokens > 1 else {
      kernels.vq_planes(planes, rows.lowerBound, rows.upperBound, splits, sums)
      return
    }
    withScratch(count: Int(CK_PLANES_SCRATCH) / MemoryLayout<Float>.size) {
      kernels.vq_planes_many(
        planes, rows.lowerBound, rows.upperBound, splits, stride, tokens, lanes, sums, sumStride, $0)
    }
  }
}
