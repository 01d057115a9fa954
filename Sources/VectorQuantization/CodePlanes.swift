import CKernels
import Tensors

/// The codes of one part in the order of the integer kernel, with its codebooks as int8 (see `ck_vq_planes`).
///
/// A second copy of the codes, made once at load: it takes 6 or 8 bits for a main code and 4 or 8 for a residual one. An
/// element of a centroid is off by at most half a unit of `CentroidBytes`; sums are exact.
struct CodePlanes: @unchecked Sendable {
  /// Columns with those that pad a row to whole registers; they hold code 0 and meet activations of 0.
  let paddedColumns: Int
  private var planes: ck_vq_planes
  /// What the pointers in `planes` lead into.
  private var memory: [Any]
  /// How codes get into this order each time they are needed; nil where they are kept.
  private let layout: PlaneLayout?

  /// Parts with fewer codes gain nothing.
  static let leastCodes = 1 << 14

  /// Larger elements of centroids, and what is no number, are left to floating point.
  static let largestElement: Float = 1e30

  /// Planes for `codes` (packed rows as `ck_vq_matrix` reads them), or nil where they are of no use: large codebooks, few
  /// codes, centroids that integers cannot say, or a machine whose look-ups of bytes are not faster.
  ///
  /// - Parameter keepsCodes: whether the second copy of the codes stays; if not, the packed ones must outlive this value.
  init?(
    _ matrix: ck_vq_matrix, rows: Int, main: [Float], residual: [Float]?, vectorLength: Int, keepsCodes: Bool,
    kernels: ck_kernels
  ) {
    let mainCount = main.count / vectorLength
    let residualCount = (residual?.count ?? 0) / vectorLength
    guard max(mainCount, residualCount) <= kernels.plane_centroids,
      rows * matrix.columns >= Self.leastCodes, matrix.columns <= 1 << 16,
      (main + (residual ?? [])).allSatisfy({ abs($0) < Self.largestElement })
    else { return nil }
    let layout = PlaneLayout(matrix, rows: rows, mainCount: mainCount, residualCount: residualCount)
    let (codes, usage) = layout.codes()
    let mainBits = Int(matrix.main_bits)
    let mainMask = 1 << mainBits - 1
    var (mainUsage, restUsage) = ([Int](repeating: 0, count: mainCount), [Int](repeating: 0, count: residualCount))
    for (pair, count) in usage.enumerated() where count > 0 {
      mainUsage[pair & mainMask] += count
      if residualCount > 0 { restUsage[pair >> mainBits] += count }
    }
    let mainBytes = CentroidBytes(main, vectorLength: vectorLength, usage: mainUsage)
    let restBytes = residual.map { CentroidBytes($0, vectorLength: vectorLength, usage: restUsage) }
    let joint = residual.map {
      JointBytes(main: main, residual: $0, vectorLength: vectorLength, mainBits: mainBits, usage: usage)
    }
    let escapes = layout.escapes(
      values: mainBytes.rest + (restBytes?.rest ?? []), vectorLength: vectorLength, usage: usage
    ) {
      pair, own in
      if mainBytes.isClamped[pair & mainMask] { own.append(UInt16(pair & mainMask)) }
      if let restBytes, restBytes.isClamped[pair >> mainBits] { own.append(UInt16(mainCount + pair >> mainBits)) }
    }
    let jointEscapes = joint.flatMap { joint in
      layout.escapes(values: joint.rest, vectorLength: vectorLength, usage: usage) { pair, own in
        if let entry = joint.entries[pair] { own.append(entry) }
      }
    }
    planes = ck_vq_planes(
      codes: codes.address(), band_stride: layout.bandBytes, columns: layout.paddedColumns,
      vector_length: UInt32(vectorLength), main_count: UInt32(mainCount), residual_count: UInt32(residualCount),
      main: mainBytes.bytes.address(), residual: restBytes?.bytes.address(), main_scale: mainBytes.unit,
      residual_scale: restBytes?.unit ?? 0, escapes: escapes?.view ?? ck_escapes(), joint: joint?.bytes.address(),
      joint_scale: joint?.unit ?? 0, joint_escapes: jointEscapes?.view ?? ck_escapes())
    paddedColumns = layout.paddedColumns
    memory = [mainBytes.bytes, restBytes?.bytes as Any, joint?.bytes as Any, escapes as Any, jointEscapes as Any]
    // Without them nothing reads the planes before `withCodes()`.
    if keepsCodes { memory.append(codes) }
    self.layout = keepsCodes ? nil : layout
  }

  /// The same with its codes in place.
  func withCodes() -> CodePlanes {
    guard let layout else { return self }
    var whole = self
    let codes = layout.codesAlone()
    whole.planes.codes = codes.address()
    whole.memory.append(codes)
    return whole
  }

  /// Adds the products of vector rows `rows`, which begin with a band, with `tokens` activations, `stride` apart, to sums that are `sumStride` apart.
  ///
  /// - Parameter isJoint: whether the sums of main and residual centroids are rounded to one byte, which is faster for many
  ///   tokens.
  /// - Parameter lanes: the values of the activations once more, which makes many tokens faster.
  func accumulate(
    _ splits: UnsafePointer<ck_split_activation>, stride: Int, tokens: Int, lanes: ck_token_lanes, isJoint: Bool,
    rows: Range<Int>, into sums: UnsafeMutablePointer<Float>, sumStride: Int, kernels: ck_kernels
  ) {
    withUnsafePointer(to: planes) { planes in
      guard tokens > 1 || isJoint else {
        kernels.vq_planes(planes, rows.lowerBound, rows.upperBound, splits, sums)
        return
      }
      withScratch(count: Int(CK_PLANES_SCRATCH) / MemoryLayout<Float>.size) {
        kernels.vq_planes_many(
          planes, rows.lowerBound, rows.upperBound, splits, stride, tokens, lanes, isJoint ? 1 : 0, sums, sumStride, $0)
      }
    }
  }
}
