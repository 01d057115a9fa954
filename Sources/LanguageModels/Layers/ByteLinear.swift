import CKernels
import Foundation
import Tensors

/// A dense matrix that is held as int8 at run time, with a scale for every row; activations keep 16 bits.
///
/// Made from the stored weight when it is first used, by all threads. Weights are off by at most 1/254 of the largest in their
/// row, those of the largest columns (`FineColumns`) by 1/32 of that; the sums of integers are exact, so that a token's result does not
/// depend on the others.
final class ByteLinear: Linear, @unchecked Sendable {
  /// The stored form, which is used where this machine has no fast integer products.
  private let dense: DenseLinear
  private let lock = NSLock()
  /// Made once; `lock` guards it.
  private var matrix: Matrix?

  /// The run-time form (`ck_byte_matrix`): bytes `[rows rounded up to whole bands, eights · 8]` and scales `[rows]`.
  private struct Matrix: @unchecked Sendable {
    let bytes: Tensor
    let scales: Tensor
    let columns: FineColumns

    var view: ck_byte_matrix? {
      guard let bytes = bytes.baseAddress, let scales = scales.baseAddress else { return nil }
      return ck_byte_matrix(
        bytes: bytes.assumingMemoryBound(to: UInt8.self), scales: scales.assumingMemoryBound(to: Float.self),
        eights: columns.eights)
    }
  }

  init(_ dense: DenseLinear) { self.dense = dense }

  /// Matrices with fewer weights gain nothing.
  static let leastWeights = 1 << 20

  /// Whether this machine multiplies faster in this form, which has at most 65536 columns with those of second bytes.
  static func isFaster(for dense: DenseLinear) -> Bool {
    ck_active().pointee.prefers_byte_matrix != 0 && 8 * FineColumns.eights(of: dense.inFeatures) <= 1 << 16
      && dense.inFeatures * dense.outFeatures >= leastWeights
  }

  /// Bytes that a matrix of this shape takes in this form.
  static func byteCount(rows: Int, columns: Int) -> Int { rows * (8 * FineColumns.eights(of: columns) + 4) }

  var inFeatures: Int { dense.inFeatures }
  var outFeatures: Int { dense.outFeatures }
  var storedBytes: Int { dense.storedBytes }

  func withLoops(
    _ x: UnsafePointer<Float>, tokens: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>, share: Double,
    _ body: ProductLoops.Body
  ) {
    let matrix = ready()
    guard let view = matrix.view else { return }
    let kernels = ck_active().pointee
    let (rows, columns) = (outFeatures, matrix.columns)
    // Rows that stay in the second-level cache while all tokens are multiplied with them.
    let chunk = max(16, (1 << 18) / (8 * columns.eights) / 16 * 16)
    let blocks = columns.blocks, splitBytes = MemoryLayout<ck_split_activation>.stride
    ScratchMemory.shared.with(byteCount: tokens * (130 * blocks + splitBytes)) { memory in
      let digits = memory.bindMemory(to: Int8.self, capacity: tokens * blocks * 128)
      let splits = (memory + tokens * blocks * 128).bindMemory(to: ck_split_activation.self, capacity: tokens)
      let large = (memory + tokens * (blocks * 128 + splitBytes)).bindMemory(to: UInt16.self, capacity: tokens * blocks)
      func prepare(_ range: Range<Int>) {
        for token in range {
          let own = digits + token * blocks * 128
          (splits + token).initialize(
            to: ck_split_activation(
              values: x, low: own, high: own + blocks * 64, large_blocks: large + token * blocks, high_eights: nil,
              blocks: blocks, large: 0, eights: 0, scale: 0, sum_low: 0, sum_high: 0, is_narrow: 0))
          withScratch(count: columns.extendedCount) { extended in
            columns.extend(x + token * columns.columns, into: extended)
            kernels.split_activation(extended, columns.extendedCount, 0, splits + token)
          }
        }
      }
      body(true, prepare, (rows + chunk - 1) / chunk) { index in
        let first = index * chunk, end = min(first + chunk, rows)
        withUnsafePointer(to: view) { kernels.gemv_bytes($0, first, end, splits, tokens, y + first, rows) }
        dense.bias?.add(first..<end, to: y, tokens: tokens)
      }
    }
    withExtendedLifetime(matrix) {}
  }

  private func ready() -> Matrix {
    lock.withLock {
      if let matrix { return matrix }
      let made = Self.make(dense.weight)
      matrix = made
      return made
    }
  }

  private static func make(_ weight: Tensor) -> Matrix {
    let kernels = ck_active().pointee
    let rows = weight.shape[0]
    let columns = FineColumns(of: weight)
    let rowBytes = 8 * columns.eights
    let scales = Tensor(dtype: .float32, shape: [rows]) {
      $0.initializeMemory(as: UInt8.self, repeating: 0)
    }
    let bandRows = Int(CK_BAND_ROWS)
    let allRows = (rows + bandRows - 1) / bandRows * bandRows
    let bytes = HugePageMemory.tensor(dtype: .uint8, shape: [allRows, rowBytes]) { bytes in
      guard let bytes = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
        let units = scales.baseAddress.map({ UnsafeMutableRawPointer(mutating: $0) })?.assumingMemoryBound(
          to: Float.self)
      else { return }
      let rowsPerTask = 512
      parallelFor((rows + rowsPerTask - 1) / rowsPerTask) { task in
        withScratch(count: rowBytes) { values in
          for row in (task * rowsPerTask)..<min((task + 1) * rowsPerTask, rows) {
            FineColumns.widen(weight, row: row, into: values)
            let band = bytes + row / bandRows * bandRows * rowBytes
            units[row] = columns.writeRow(values, into: band + row % bandRows * 8, kernels: kernels)
          }
        }
        weight.rows((task * rowsPerTask)..<min((task + 1) * rowsPerTask, rows)).releasePages()
      }
    }
    return Matrix(bytes: bytes, scales: scales, columns: columns)
  }
}
