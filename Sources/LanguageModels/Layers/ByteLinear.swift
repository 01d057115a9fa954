import CKernels
import Foundation
import Tensors

/// A dense matrix that is held as int8 at run time, with a scale for every row; activations keep 16 bits.
///
/// Made from the stored weight when it is first used, by all threads. Weights are off by at most 1/254 of the largest in their
/// row; the sums of integers are exact, so that a token's result does not depend on the others.
final class ByteLinear: Linear, @unchecked Sendable {
  /// The stored form, which is used where this machine has no fast integer products.
  private let dense: DenseLinear
  private let lock = NSLock()
  /// Made once; `lock` guards it.
  private var matrix: Matrix?

  /// The run-time form (`ck_byte_matrix`): bytes `[rows rounded up to whole bands, blocks · 64]` and scales `[rows]`.
  private struct Matrix: @unchecked Sendable {
    let bytes: Tensor
    let scales: Tensor
    let blocks: Int

    var view: ck_byte_matrix? {
      guard let bytes = bytes.baseAddress, let scales = scales.baseAddress else { return nil }
      return ck_byte_matrix(
        bytes: bytes.assumingMemoryBound(to: UInt8.self), scales: scales.assumingMemoryBound(to: Float.self),
        blocks: blocks)
    }
  }

  init(_ dense: DenseLinear) { self.dense = dense }

  /// Matrices with fewer weights gain nothing.
  static let leastWeights = 1 << 20

  /// Whether this machine multiplies faster in this form.
  static func isFaster(for dense: DenseLinear) -> Bool {
    ck_active().pointee.prefers_byte_matrix != 0 && dense.inFeatures <= 1 << 16
      && dense.inFeatures * dense.outFeatures >= leastWeights
  }

  var inFeatures: Int { dense.inFeatures }
  var outFeatures: Int { dense.outFeatures }
  var storedBytes: Int { dense.storedBytes }

  func apply(_ x: UnsafePointer<Float>, tokens: Int, grouping: TokenGrouping, into y: UnsafeMutablePointer<Float>) {
    let matrix = ready()
    guard tokens > 0, var view = matrix.view else { return }
    let kernels = ck_active().pointee
    let (rows, columns, blocks) = (outFeatures, inFeatures, matrix.blocks)
    // Rows that stay in the second-level cache while all tokens are multiplied with them.
    let chunk = max(16, (1 << 18) / (64 * blocks) / 16 * 16)
    withDigits(x, tokens: tokens, columns: columns, blocks: blocks, kernels: kernels) { digits in
      withUnsafePointer(to: &view) { view in
        parallelFor((rows + chunk - 1) / chunk) { index in
          let first = index * chunk
          kernels.gemv_bytes(view, first, min(first + chunk, rows), digits, tokens, y + first, rows)
        }
      }
    }
    if let bias = dense.bias { DenseLinear.add(bias, to: y, tokens: tokens) }
    withExtendedLifetime(matrix) {}
  }

  /// The tokens' activations in two bytes a value.
  private func withDigits(
    _ x: UnsafePointer<Float>, tokens: Int, columns: Int, blocks: Int, kernels: ck_kernels,
    _ body: (UnsafePointer<ck_split_activation>) -> Void
  ) {
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: tokens * blocks * 130, alignment: 64)
    let splits = UnsafeMutablePointer<ck_split_activation>.allocate(capacity: tokens)
    defer {
      bytes.deallocate()
      splits.deallocate()
    }
    let digits = bytes.bindMemory(to: Int8.self, capacity: tokens * blocks * 128)
    let large = (bytes + tokens * blocks * 128).bindMemory(to: UInt16.self, capacity: tokens * blocks)
    for token in 0..<tokens {
      let own = digits + token * blocks * 128
      (splits + token).initialize(
        to: ck_split_activation(
          values: x, low: own, high: own + blocks * 64, large_blocks: large + token * blocks, high_eights: nil,
          blocks: blocks, large: 0, eights: 0,
          scale: 0, sum_low: 0, sum_high: 0, is_narrow: 0))
      kernels.split_activation(x + token * columns, columns, 0, splits + token)
    }
    body(splits)
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
    let (rows, columns) = (weight.shape[0], weight.shape[1])
    let blocks = (columns + 63) / 64
    let scales = Tensor(dtype: .float32, shape: [rows]) {
      $0.initializeMemory(as: UInt8.self, repeating: 0)
    }
    let bandRows = Int(CK_BAND_ROWS)
    let allRows = (rows + bandRows - 1) / bandRows * bandRows
    let bytes = HugePageMemory.tensor(dtype: .uint8, shape: [allRows, blocks * 64]) { bytes in
      guard let bytes = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
        let units = scales.baseAddress.map({ UnsafeMutableRawPointer(mutating: $0) })?.assumingMemoryBound(
          to: Float.self)
      else { return }
      let rowsPerTask = 512
      parallelFor((rows + rowsPerTask - 1) / rowsPerTask) { task in
        withScratch(count: blocks * 64) { values in
          values.update(repeating: 0, count: blocks * 64)
          for row in (task * rowsPerTask)..<min((task + 1) * rowsPerTask, rows) {
            weight.withUnsafeBytes { stored in
              let size = columns * weight.dtype.byteCount
              FloatConversion.widen(
                UnsafeRawBufferPointer(rebasing: stored[(row * size)..<((row + 1) * size)]), dtype: weight.dtype,
                into: UnsafeMutableBufferPointer(start: values, count: columns))
            }
            let band = bytes + row / bandRows * bandRows * blocks * 64
            units[row] = kernels.byte_row(values, blocks, band + row % bandRows * 8)
          }
        }
        weight.rows((task * rowsPerTask)..<min((task + 1) * rowsPerTask, rows)).releasePages()
      }
    }
    return Matrix(bytes: bytes, scales: scales, blocks: blocks)
  }
}
