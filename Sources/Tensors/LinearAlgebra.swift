import CKernels

#if canImport(Accelerate)
  import Accelerate
#else
  import CBLAS
#endif

/// Dense linear algebra on row-major matrices.
///
/// The library underneath runs on one thread; work is split here, in tiles of fixed size, so that results do not
/// depend on the number of threads.
package enum LinearAlgebra {
  private static let singleThreaded: Void = {
    #if !canImport(Accelerate)
      openblas_set_num_threads(1)
    #endif
  }()

  /// What OpenBLAS calls the kernels that it multiplies with; nil where another library does.
  package static var libraryKernels: String? { ck_openblas_core().map { String(cString: $0) } }

  /// `C += A · B` for `A[m, k]`, `B[k, n]`, `C[m, n]` in Float, `alpha` times the product; parallel over tiles of `C`.
  package static func multiplyAccumulate(
    alpha: Float, _ a: UnsafePointer<Float>, aStride: Int, transposed: Bool = false, _ b: UnsafePointer<Float>,
    bStride: Int, into c: UnsafeMutablePointer<Float>, cStride: Int, m: Int, n: Int, k: Int
  ) {
    _ = singleThreaded
    let tile = 512
    let columnTiles = (n + tile - 1) / tile
    let rowTiles = (m + tile - 1) / tile
    parallelFor(rowTiles * columnTiles) { index in
      let row = index / columnTiles * tile
      let column = index % columnTiles * tile
      let origin = transposed ? a + row : a + row * aStride
      cblas_sgemm(
        CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, blasInt(min(tile, m - row)),
        blasInt(min(tile, n - column)), blasInt(k), alpha, origin, blasInt(aStride), b + column, blasInt(bStride),
        1, c + row * cStride + column, blasInt(cStride))
    }
  }

  /// How exactly a product is formed.
  package enum Precision: Sendable {
    /// Factors and sums in float32.
    case float32
    /// Factors rounded to bfloat16, sums in float32; no faster than `float32` on many machines.
    case bfloat16

    /// `bfloat16` where that is much faster.
    package static var fastest: Precision { ck_active().pointee.prefers_bf16 != 0 ? .bfloat16 : .float32 }
  }

  /// A matrix in memory, or its transpose.
  package struct Operand {
    let base: UnsafePointer<Float>
    let stride: Int
    let isTransposed: Bool

    /// The matrix whose rows start `stride` floats apart.
    package init(_ base: UnsafePointer<Float>, stride: Int) {
      self.init(base: base, stride: stride, isTransposed: false)
    }

    private init(base: UnsafePointer<Float>, stride: Int, isTransposed: Bool) {
      self.base = base
      self.stride = stride
      self.isTransposed = isTransposed
    }

    /// The transpose, without moving anything.
    package var transposed: Operand { Operand(base: base, stride: stride, isTransposed: !isTransposed) }

    fileprivate func advanced(row: Int, column: Int) -> UnsafePointer<Float> {
      base + (isTransposed ? column * stride + row : row * stride + column)
    }
  }

  /// `C = alpha · A · B`, added to `C` if asked, for `A[m, k]`, `B[k, n]`, `C[m, n]` in Float; parallel over tiles of `C`.
  package static func product(
    alpha: Float = 1, _ a: Operand, _ b: Operand, into c: UnsafeMutablePointer<Float>, stride: Int, m: Int, n: Int,
    k: Int, adding: Bool = false, precision: Precision = .float32
  ) {
    _ = singleThreaded
    // Tiles of equal size: work is shared evenly, and each still amortizes the packing of its operands.
    let (rowTiles, columnTiles) = ((m + 255) / 256, (n + 511) / 512)
    let (rows, columns) = ((m + rowTiles - 1) / max(rowTiles, 1), (n + columnTiles - 1) / max(columnTiles, 1))
    let kernels = ck_active().pointee
    parallelFor(rowTiles * columnTiles) { index in
      let row = index / columnTiles * rows
      let column = index % columnTiles * columns
      if precision == .bfloat16 {
        let (height, width) = (min(rows, m - row), min(columns, n - column))
        withScratch(count: (height + width + 64) * Int(CK_PRODUCT_DEPTH) / 2) { scratch in
          kernels.product_bf16(
            a.advanced(row: row, column: 0), a.stride, a.isTransposed ? 1 : 0, b.advanced(row: 0, column: column),
            b.stride, b.isTransposed ? 1 : 0, alpha, c + row * stride + column, stride, height, width, k,
            adding ? 1 : 0, scratch)
        }
        return
      }
      cblas_sgemm(
        CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
        blasInt(min(rows, m - row)), blasInt(min(columns, n - column)), blasInt(k), alpha,
        a.advanced(row: row, column: 0), blasInt(a.stride), b.advanced(row: 0, column: column), blasInt(b.stride),
        adding ? 1 : 0, c + row * stride + column, blasInt(stride))
    }
  }

  /// Adds `Xᵀ X` of `tokens` rows of `n` floats to the upper triangle of `h[n, n]`, in double precision; parallel over
  /// tiles of `h`.
  ///
  /// Each element is one chain of additions in rising order of rows, so parts add up to exactly the sum of the whole.
  /// Some elements next to the diagonal are written below it too.
  package static func accumulateSecondMoment(
    _ x: UnsafePointer<Float>, tokens: Int, n: Int, into h: UnsafeMutablePointer<Double>
  ) {
    let (tileRows, tileColumns) = (48, 384)
    let kernel = ck_active().pointee.second_moment
    let tiles = stride(from: 0, to: n, by: tileRows).flatMap { row in
      stride(from: row, to: n, by: tileColumns).map { (row: row, column: $0) }
    }
    parallelFor(tiles.count) { index in
      let (row, column) = tiles[index]
      kernel(
        x, n, tokens, row, min(row + tileRows, n), column, min(column + tileColumns, n), h, n)
    }
  }

  /// Overwrites the upper triangle of the symmetric `a[n, n]` with `U`, `A = Uᵀ U`; false if `a` is not positive definite.
  package static func choleskyUpper(_ a: inout [Double], n: Int) -> Bool {
    _ = singleThreaded
    var info: Int32 = 0
    var size = Int32(n)
    // Fortran reads the row-major matrix transposed, so its lower factor is our upper one.
    a.withUnsafeMutableBufferPointer { dpotrf_("L", &size, $0.baseAddress, &size, &info) }
    return info == 0
  }

  /// The upper Cholesky factor `U` of `A⁻¹` (`A⁻¹ = Uᵀ U`, zeros below the diagonal), or nil if `a` is not positive definite.
  ///
  /// Works in the memory of `a` where the caller gives it up.
  package static func choleskyUpperOfInverse(_ a: consuming [Double], n: Int) -> [Double]? {
    var work = consume a
    guard choleskyUpper(&work, n: n) else { return nil }
    var info: Int32 = 0
    var size = Int32(n)
    work.withUnsafeMutableBufferPointer { dpotri_("L", &size, $0.baseAddress, &size, &info) }
    guard info == 0, choleskyUpper(&work, n: n), work.allSatisfy(\.isFinite) else { return nil }
    for row in 1..<max(n, 1) {
      for column in 0..<row { work[row * n + column] = 0 }
    }
    return work
  }

  private static func blasInt(_ value: Int) -> Int32 { Int32(value) }
}
