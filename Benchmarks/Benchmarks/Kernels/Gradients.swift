import Benchmark
import CKernels

/// The loops of tuning.
func addGradients(_ kernels: ck_kernels, _ name: String) {
  let values = ramp(4096)
  let other = ramp(4097).dropFirst().map { $0 }
  Benchmark("rms norm gradient 4096, \(name)") { benchmark in
    var (dx, dweight) = (values, values)
    for _ in benchmark.scaledIterations {
      kernels.rms_norm_gradient(values, other, values, 1e-5, 4096, &dx, &dweight)
    }
    blackHole((dx, dweight))
  }
  Benchmark("silu gradient 4096, \(name)") { benchmark in
    var (dgate, dup) = (values, values)
    for _ in benchmark.scaledIterations { kernels.silu_gradient(values, other, values, 4096, &dgate, &dup) }
    blackHole((dgate, dup))
  }
  Benchmark("divergence gradient 4096, \(name)") { benchmark in
    var (teacher, student) = (values, other)
    for _ in benchmark.scaledIterations { blackHole(kernels.divergence_gradient(&teacher, &student, 4096, 1)) }
    blackHole((teacher, student))
  }
  Benchmark("adam 4096, \(name)") { benchmark in
    var step = ck_adam(
      rate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, mean_correction: 1, square_correction: 1, gradient_scale: 1)
    var (mean, square, value) = (values, values.map { $0 * $0 }, other)
    for _ in benchmark.scaledIterations { kernels.adam(&step, values, 4096, &mean, &square, &value) }
    blackHole((mean, square, value))
  }
  let codes = (0..<192).map { UInt16(($0 &* 2_654_435_761 >> 7) & 255) }
  let (table, dw) = (ramp(256 * 8), ramp(192 * 8))
  Benchmark("vq column gradient v8, 1536 outputs, \(name)") { benchmark in
    var dtable = table
    var (dscale, dshift) = (0.0, 0.0)
    codes.withUnsafeBufferPointer { codes in
      table.withUnsafeBufferPointer { table in
        guard let codes = codes.baseAddress, let table = table.baseAddress else { return }
        var column = ck_vq_column(
          codes: codes, residual_codes: nil, vectors: 192, vector_length: 8, table: table, residual_table: nil)
        for _ in benchmark.scaledIterations {
          kernels.vq_column_gradient(&column, dw, 1, &dtable, nil, &dscale, &dshift)
        }
      }
    }
    blackHole(dtable)
  }
}

func addRoundedProduct(_ kernels: ck_kernels, _ name: String) {
  let (m, n, k) = (64, 128, 256)
  let (a, b) = (ramp(m * k), ramp(k * n))
  Benchmark("product of bf16 factors 64x128x256, \(name)") { benchmark in
    var (c, scratch) = (ramp(m * n), ramp((m + n + 64) * Int(CK_PRODUCT_DEPTH) / 2))
    for _ in benchmark.scaledIterations {
      kernels.product_bf16(a, k, 0, b, n, 0, 1, &c, n, m, n, k, 0, &scratch)
    }
    blackHole(c)
  }
}
