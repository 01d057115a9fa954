import Benchmark
import CKernels

/// Products of one activation with large codebooks as bytes and with a head as bytes, from memory: the matrices that take turns do not fit the
/// caches. 16.78 million weights an iteration (4096 x 4096), of the head 28.31 (49152 x 576).
func addBytes(_ kernels: ck_kernels, _ name: String) {
  guard kernels.byte_vector_length > 0 else { return }
  for (length, bits) in [(8, 12), (6, 12), (8, 16)] {
    Benchmark("gemv bytes v\(length)-k\(1 << bits) 4096x4096, \(name)") { benchmark in
      let (columns, count) = (4096, 4)
      let rows = 4096 / length
      let stride = columns * bits / 8
      let codes = bytes(count * rows * stride + 16)
      let table = bytes(8 << bits)
      let digits = bytes(2 * columns)
      var blocks = [UInt16](repeating: 0, count: columns / 64)
      var y = [Float](repeating: 0, count: rows * length)
      let values = ramp(columns)
      codes.withUnsafeBufferPointer { codes in
        table.withUnsafeBufferPointer { table in
          values.withUnsafeBufferPointer { values in
            withSplit(values, digits, &blocks, CK_LARGE_VALUE, kernels) { split in
              guard let codes = codes.baseAddress, let table = table.baseAddress else { return }
              benchmark.startMeasurement()
              for iteration in benchmark.scaledIterations {
                var matrix = ck_vq_bytes(
                  codes: codes + iteration % count * rows * stride, row_stride: stride, columns: columns,
                  code_bits: UInt32(bits), main_bits: UInt32(bits), vector_length: UInt32(length), main: table,
                  residual: nil, main_scale: 0.01, residual_scale: 0, escapes: ck_escapes())
                kernels.vq_bytes(&matrix, 0, rows, split, &y)
              }
              benchmark.stopMeasurement()
            }
          }
        }
      }
      blackHole(y)
    }
  }
  Benchmark("gemv bytes head 49152x576, \(name)") { benchmark in
    let (rows, columns) = (49152, 576)
    let matrices = [bytes(rows * columns), bytes(rows * columns)]
    let scales = [Float](repeating: 0.01, count: rows)
    let digits = bytes(2 * columns)
    var blocks = [UInt16](repeating: 0, count: columns / 64)
    var y = [Float](repeating: 0, count: rows)
    let values = ramp(columns)
    values.withUnsafeBufferPointer { values in
      scales.withUnsafeBufferPointer { scales in
        withSplit(values, digits, &blocks, 0, kernels) { split in
          guard let scales = scales.baseAddress else { return }
          benchmark.startMeasurement()
          for iteration in benchmark.scaledIterations {
            matrices[iteration % 2].withUnsafeBufferPointer { bytes in
              guard let bytes = bytes.baseAddress else { return }
              var matrix = ck_byte_matrix(bytes: bytes, scales: scales, eights: columns / 8)
              kernels.gemv_bytes(&matrix, 0, rows, split, 1, &y, rows)
            }
          }
          benchmark.stopMeasurement()
        }
      }
    }
    blackHole(y)
  }
}

private func bytes(_ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 0x9E37_79B9) >> 15) }
}

/// Splits `values`, with `digits` for memory.
private func withSplit(
  _ values: UnsafeBufferPointer<Float>, _ digits: [UInt8], _ blocks: inout [UInt16], _ largeValue: Float,
  _ kernels: ck_kernels,
  _ body: (UnsafePointer<ck_split_activation>) -> Void
) {
  var digits = digits.map { Int8(bitPattern: $0) }
  digits.withUnsafeMutableBufferPointer { digits in
    blocks.withUnsafeMutableBufferPointer { blocks in
      guard let x = values.baseAddress, let low = digits.baseAddress, let large = blocks.baseAddress else { return }
      var split = ck_split_activation(
        values: x, low: low, high: low + values.count, large_blocks: large, high_eights: nil, blocks: blocks.count,
        large: 0, eights: 0, scale: 0, sum_low: 0, sum_high: 0, is_narrow: 0)
      kernels.split_activation(x, values.count, largeValue, &split)
      body(&split)
    }
  }
}
