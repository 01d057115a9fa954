import Benchmark
import CKernels

/// Products with small codebooks as bytes, 4096 x 4096 (16.78 million weights an iteration) and from memory: the matrices that take turns do not
/// fit the caches. One activation, then 512, of which an iteration makes 8590 million products.
func addPlanes(_ kernels: ck_kernels, _ name: String) {
  guard kernels.plane_centroids >= 256 else { return }
  for (length, main, rest) in [
    (4, 256, 0), (3, 64, 0), (4, 64, 0), (4, 128, 0), (8, 256, 64), (8, 256, 128), (8, 256, 256), (4, 256, 16),
    (4, 16, 16),
  ] {
    for tokens in [1, 512] {
      Benchmark("gemv planes v\(length)-k\(main)-\(rest) 4096x4096, \(tokens) tokens, \(name)") { benchmark in
        let matrices = PlaneMatrices(vectorLength: length, mainCount: main, residualCount: rest, columns: 4096, kernels)
        var y = [Float](repeating: 0, count: tokens * 4096)
        benchmark.startMeasurement()
        for iteration in benchmark.scaledIterations { matrices.multiply(iteration, tokens: tokens, into: &y) }
        benchmark.stopMeasurement()
        blackHole(y)
      }
    }
  }
}

/// Four matrices of random codes with one codebook, and activations.
private final class PlaneMatrices {
  private static let count = 4
  private let kernels: ck_kernels
  private let rows: Int
  private let bytesPerMatrix: Int
  private let codes: UnsafeMutablePointer<UInt8>
  private let tables: UnsafeMutablePointer<UInt8>
  private let values: UnsafeMutablePointer<Float>
  private let digits: UnsafeMutableRawPointer
  private let splits: UnsafeMutablePointer<ck_split_activation>
  private var planes: ck_vq_planes

  init(vectorLength: Int, mainCount: Int, residualCount: Int, columns: Int, _ kernels: ck_kernels) {
    self.kernels = kernels
    rows = 4096 / vectorLength  // of 3, the last output is left out
    let residualBytes = residualCount == 0 ? 0 : residualCount <= 16 ? columns / 2 : columns
    let bandRows = Int(CK_BAND_ROWS)
    let stride = bandRows * ((mainCount <= 64 ? columns / 4 * 3 : columns) + residualBytes)
    bytesPerMatrix = (rows + bandRows - 1) / bandRows * stride
    let size = Self.count * bytesPerMatrix
    codes = .allocate(capacity: size)
    // Codes beyond a codebook of 128 would only name bytes that are never read.
    for i in 0..<size {
      codes[i] = UInt8(truncatingIfNeeded: (i &* 0x9E37_79B9) >> 15) & (mainCount == 128 ? 127 : 255)
    }
    let table = 256 * vectorLength
    tables = .allocate(capacity: 2 * table)
    for i in 0..<(2 * table) { tables[i] = UInt8(truncatingIfNeeded: (i &* 0x85EB_CA6B) >> 11) }
    let residual = UnsafeRawPointer(tables + table).assumingMemoryBound(to: Int8.self)
    let codeBits = mainCount.trailingZeroBitCount + (residualCount > 0 ? residualCount.trailingZeroBitCount : 0)
    let fineColumns = withUnsafePointer(to: kernels) {
      ck_fine_columns($0, columns, vectorLength, codeBits, residualCount > 0 ? 1 : 0)
    }
    planes = ck_vq_planes(
      codes: codes, band_stride: stride, columns: columns, vector_length: UInt32(vectorLength),
      main_count: UInt32(mainCount), residual_count: UInt32(residualCount), main: tables,
      residual: residualCount > 0 ? residual : nil, scale: 0.01, fine_columns: fineColumns,
      fine_main: tables, fine_residual: residual, escapes: ck_escapes())
    let tokens = 512
    // Two bytes a value, and the names of large blocks and of eights of columns with high digits.
    digits = .allocate(byteCount: tokens * (2 * columns + columns / 32 + columns / 4), alignment: 64)
    splits = .allocate(capacity: tokens)
    let bytes = digits.bindMemory(to: Int8.self, capacity: 2 * tokens * columns)
    values = .allocate(capacity: columns)
    values.initialize(from: ramp(columns), count: columns)
    for token in 0..<tokens {
      let own = bytes + 2 * token * columns
      splits[token] = ck_split_activation(
        values: values, low: own, high: own + columns,
        large_blocks: (digits + tokens * 2 * columns + token * columns / 32).bindMemory(
          to: UInt16.self, capacity: columns / 64),
        high_eights: (digits + tokens * (2 * columns + columns / 32) + token * columns / 4).bindMemory(
          to: UInt16.self, capacity: columns / 8),
        blocks: columns / 64, large: 0, eights: 0, scale: 0, sum_low: 0, sum_high: 0, is_narrow: 0)
      kernels.split_activation(values, columns, CK_LARGE_VALUE, splits + token)
    }
  }

  deinit {
    codes.deallocate()
    tables.deallocate()
    values.deallocate()
    digits.deallocate()
    splits.deallocate()
  }

  func multiply(_ iteration: Int, tokens: Int, into y: inout [Float]) {
    planes.codes = UnsafePointer(codes + iteration % Self.count * bytesPerMatrix)
    if tokens == 1 {
      kernels.vq_planes(&planes, 0, rows, splits, &y)
      return
    }
    withUnsafeTemporaryAllocation(byteCount: Int(CK_PLANES_SCRATCH), alignment: 64) { scratch in
      guard let scratch = scratch.baseAddress else { return }
      kernels.vq_planes_many(&planes, 0, rows, splits, 1, tokens, ck_token_lanes(), &y, 4096, scratch)
    }
  }
}
