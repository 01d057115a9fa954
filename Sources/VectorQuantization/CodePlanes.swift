import CKernels
import Tensors

/// The codes of one part in the order of the integer kernel, with its codebooks as int8 (see `ck_vq_planes`).
///
/// A second copy of the codes, made once at load: it takes 8 bits for a main code and 4 or 8 for a residual one. An
/// element of a centroid is off by at most half of `largest / 32512`; sums are exact.
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
    let padded = (matrix.columns + 63) / 64 * 64
    let isNibbles = residualCount > 0 && residualCount <= 16
    let stride = padded + (residualCount == 0 ? 0 : isNibbles ? padded / 2 : padded)
    let codes = Self.codes(
      matrix, rows: rows, padded: padded, stride: stride, isNibbles: isNibbles, hasResidual: residualCount > 0)
    let mainTable = Self.tables(main, vectorLength: vectorLength)
    let residualTable = residual.map { Self.tables($0, vectorLength: vectorLength) }
    planes = ck_vq_planes(
      codes: codes.address(), row_stride: stride, columns: padded, vector_length: UInt32(vectorLength),
      main_count: UInt32(mainCount), residual_nibbles: isNibbles ? 1 : 0, main_high: mainTable.high.address(),
      main_low: mainTable.low.address(), residual_high: residualTable?.high.address(),
      residual_low: residualTable?.low.address(), main_scale: mainTable.scale,
      residual_scale: residualTable?.scale ?? 0)
    paddedColumns = padded
    memory = [codes, mainTable.high, mainTable.low] + (residualTable.map { [$0.high, $0.low] } ?? [])
  }

  /// Adds the products of vector rows `rows` with `tokens` activations, `stride` apart, to sums that are `sumStride` apart.
  func accumulate(
    _ splits: UnsafePointer<ck_split_activation>, stride: Int, tokens: Int, rows: Range<Int>,
    into sums: UnsafeMutablePointer<Float>, sumStride: Int, kernels: ck_kernels
  ) {
    withUnsafePointer(to: planes) {
      kernels.vq_planes_many($0, rows.lowerBound, rows.upperBound, splits, stride, tokens, sums, sumStride)
    }
  }

  /// Rows of bytes: main codes, then residual codes as bytes or nibbles.
  private static func codes(
    _ matrix: ck_vq_matrix, rows: Int, padded: Int, stride: Int, isNibbles: Bool, hasResidual: Bool
  ) -> Tensor {
    let kernels = ck_active().pointee
    let mask = UInt32(1) << matrix.main_bits - 1
    return Tensor(dtype: .uint8, shape: [rows, stride]) { bytes in
      guard let target = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
      let rowsPerTask = 64
      parallelFor((rows + rowsPerTask - 1) / rowsPerTask) { task in
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: padded) { unpacked in
          unpacked.initialize(repeating: 0)
          guard let unpacked = unpacked.baseAddress else { return }
          for row in (task * rowsPerTask)..<min((task + 1) * rowsPerTask, rows) {
            kernels.unpack_codes(matrix.codes + row * matrix.row_stride, 0, matrix.code_bits, matrix.columns, unpacked)
            let line = target + row * stride
            for c in 0..<padded { line[c] = UInt8(truncatingIfNeeded: unpacked[c] & mask) }
            guard hasResidual else { continue }
            let rest = line + padded
            if isNibbles {
              for block in Swift.stride(from: 0, to: padded, by: 64) {
                for i in 0..<32 {
                  let low = unpacked[block + i] >> matrix.main_bits
                  let high = unpacked[block + 32 + i] >> matrix.main_bits
                  rest[block / 2 + i] = UInt8(truncatingIfNeeded: low | high << 4)
                }
              }
            } else {
              for c in 0..<padded { rest[c] = UInt8(truncatingIfNeeded: unpacked[c] >> matrix.main_bits) }
            }
          }
        }
      }
    }
  }

  /// `values[count, vectorLength]` as 16-bit integers in two bytes, each in `[vectorLength, 256]`, and what one unit of the
  /// high byte stands for: value = scale · (high − 128 + low / 256).
  private static func tables(_ values: [Float], vectorLength: Int) -> (high: Tensor, low: Tensor, scale: Float) {
    let largest = values.reduce(0) { max($0, abs($1)) }
    let inverse = largest > 0 ? 32512 / largest : 0
    let integers = values.map { Int(($0 * inverse).rounded(.toNearestOrEven)) + 32768 }
    func bytes(_ part: (Int) -> Int) -> Tensor {
      Tensor(dtype: .uint8, shape: [vectorLength, 256]) { bytes in
        for (index, value) in integers.enumerated() {
          bytes[index % vectorLength * 256 + index / vectorLength] = UInt8(part(value))
        }
      }
    }
    return (bytes { $0 >> 8 }, bytes { $0 & 255 }, largest / 127)
  }
}
