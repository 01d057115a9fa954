import Benchmark
import CKernels
import Foundation

/// Every kernel on every instruction set this machine has, side by side, so that figures read as ratios of one run.
let benchmarks: @Sendable () -> Void = {
  // `Scripts/benchmark --smoke` only asks whether they run.
  let isSmoke = ProcessInfo.processInfo.environment["VPTQ_BENCHMARK_SMOKE"] != nil
  Benchmark.defaultConfiguration = .init(
    metrics: [.wallClock, .throughput], warmupIterations: isSmoke ? 0 : 1, maxDuration: .seconds(2),
    maxIterations: isSmoke ? 1 : 10_000)
  for isa in [
    CK_PORTABLE, CK_AVX2, CK_AVX_VNNI, CK_AVX512, CK_AVX512_VNNI, CK_AVX512_VBMI, CK_AMX, CK_NEON, CK_NEON_DOTPROD,
  ] {
    guard let table = ck_kernels_for(isa) else { continue }
    let kernels = table.pointee
    let name = String(cString: kernels.name)
    addDense(kernels, name)
    addVectorQuantized(kernels, name)
    addPlanes(kernels, name)
    addBytes(kernels, name)
    addSmall(kernels, name)
    addNearestCentroid(kernels, name)
    addSecondMoment(kernels, name)
    addGradients(kernels, name)
    addRoundedProduct(kernels, name)
  }
}

/// Values that are neither zero nor equal.
func ramp(_ count: Int) -> [Float] {
  (0..<count).map { Float(($0 &* 2_654_435_761) & 0xFFFF) / 65536 - 0.5 }
}

func addDense(_ kernels: ck_kernels, _ name: String) {
  let (rows, columns, tokens) = (1536, 576, 128)
  let weight = ramp(rows * columns)
  var half = [UInt16](repeating: 0, count: weight.count)
  kernels.f32_to_bf16(weight, &half, weight.count)
  let (x, stored) = (ramp(tokens * columns), half)
  Benchmark("gemv bf16 1536x576, \(name)") { benchmark in
    var y = [Float](repeating: 0, count: rows)
    for _ in benchmark.scaledIterations { kernels.gemv(stored, CK_BF16, rows, columns, x, &y) }
    blackHole(y)
  }
  Benchmark("gemm panel 128 tokens x 32 outputs x 576, \(name)") { benchmark in
    var panel = [Float](repeating: 0, count: columns * Int(CK_PANEL))
    kernels.pack_panel(weight, CK_F32, columns, Int(CK_PANEL), columns, &panel)
    var y = [Float](repeating: 0, count: tokens * Int(CK_PANEL))
    for _ in benchmark.scaledIterations {
      kernels.gemm_panel(x, columns, tokens, panel, columns, &y, Int(CK_PANEL), Int(CK_PANEL), 0)
    }
    blackHole(y)
  }
}

func addVectorQuantized(_ kernels: ck_kernels, _ name: String) {
  for (length, bits, mainBits) in [(4, 12, 12), (4, 8, 8), (8, 16, 8), (8, 16, 16)] as [(Int, UInt32, UInt32)] {
    let (rows, columns) = (1536 / length, 576)
    let stride = (columns * Int(bits) + 31) / 32 * 4
    let codes = (0..<(rows * stride + 64)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    let tableStride = (length + 3) / 4 * 4
    let table = ramp((1 << Int(mainBits)) * tableStride)
    let residual = bits > mainBits ? ramp((1 << Int(bits - mainBits)) * tableStride) : []
    let x = ramp(columns)
    Benchmark("vq gemv v\(length) \(mainBits)+\(bits - mainBits) bits, 1536x576, \(name)") { benchmark in
      var y = [Float](repeating: 0, count: rows * length)
      codes.withUnsafeBufferPointer { codes in
        table.withUnsafeBufferPointer { table in
          residual.withUnsafeBufferPointer { residual in
            guard let codes = codes.baseAddress, let table = table.baseAddress else { return }
            var matrix = ck_vq_matrix(
              codes: codes, row_stride: stride, columns: columns, code_bits: bits, main_bits: mainBits,
              vector_length: UInt32(length), table_stride: UInt32(tableStride), table: table,
              residual_table: residual.isEmpty ? nil : residual.baseAddress)
            for _ in benchmark.scaledIterations { kernels.vq_gemv(&matrix, 0, rows, x, &y) }
          }
        }
      }
      blackHole(y)
    }
  }
}

func addSmall(_ kernels: ck_kernels, _ name: String) {
  let values = ramp(4096)
  Benchmark("softmax 4096, \(name)") { benchmark in
    var y = values
    for _ in benchmark.scaledIterations { kernels.softmax(&y, y.count) }
    blackHole(y)
  }
  Benchmark("silu multiply 4096, \(name)") { benchmark in
    var y = values
    for _ in benchmark.scaledIterations { kernels.silu_multiply(values, values, &y, y.count) }
    blackHole(y)
  }
  Benchmark("gelu multiply 4096, \(name)") { benchmark in
    var y = values
    for _ in benchmark.scaledIterations { kernels.gelu_multiply(values, values, &y, y.count) }
    blackHole(y)
  }
  Benchmark("soft cap 4096, \(name)") { benchmark in
    var y = values
    for _ in benchmark.scaledIterations { kernels.soft_cap(&y, y.count, 50) }
    blackHole(y)
  }
  Benchmark("rms norm 4096, \(name)") { benchmark in
    var y = values
    for _ in benchmark.scaledIterations { kernels.rms_norm(values, values, 1e-5, y.count, &y) }
    blackHole(y)
  }
  Benchmark("attention scores 1024x64, \(name)") { benchmark in
    let keys = ramp(1024 * 64)
    var scores = [Float](repeating: 0, count: 1024)
    for _ in benchmark.scaledIterations {
      kernels.attention_scores(values, 1, keys, CK_F32, 64, 1024, 64, 0.125, &scores, 1024)
    }
    blackHole(scores)
  }
}

func addNearestCentroid(_ kernels: ck_kernels, _ name: String) {
  let (count, length) = (1024, 8)
  let centroids = ramp(256 * length)
  var blocked = [Float](repeating: 0, count: 256 * length)
  var norms = [Float](repeating: 0, count: 256)
  ck_block_codebook(centroids, 256, length, &blocked, &norms)
  let (vectors, table, halves) = (ramp(count * length), blocked, norms)
  Benchmark("nearest of 256 centroids, 1024 vectors of 8, \(name)") { benchmark in
    var indices = [Int32](repeating: 0, count: count)
    for _ in benchmark.scaledIterations {
      kernels.nearest_centroid(vectors, count, length, table, halves, 16, &indices, nil)
    }
    blackHole(indices)
  }
  Benchmark("eight nearest of 256 centroids, 1024 vectors of 8, \(name)") { benchmark in
    var indices = [Int32](repeating: 0, count: 8 * count)
    var scores = [Float](repeating: 0, count: 8 * count)
    table.withUnsafeBufferPointer { table in
      halves.withUnsafeBufferPointer { halves in
        guard let table = table.baseAddress, let halves = halves.baseAddress else { return }
        var book = ck_codebook(
          dimension: length, blocks: 16, blocked: table, half_norms: halves, order: nil, places: nil, axes: nil,
          cuts: nil, block_boxes: nil, group_boxes: nil)
        for _ in benchmark.scaledIterations {
          kernels.search_centroids(vectors, count, &book, nil, 8, &indices, &scores)
        }
      }
    }
    blackHole(indices)
  }
}

func addSecondMoment(_ kernels: ck_kernels, _ name: String) {
  let (tokens, columns) = (512, 576)
  let x = ramp(tokens * columns)
  Benchmark("second moments of 512 tokens, 48 rows x 576 columns, \(name)") { benchmark in
    var h = [Double](repeating: 0, count: 48 * columns)
    for _ in benchmark.scaledIterations { kernels.second_moment(x, columns, tokens, 0, 48, 0, columns, &h, columns) }
    blackHole(h)
  }
}
