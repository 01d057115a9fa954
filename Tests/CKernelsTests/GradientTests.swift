import CKernels
import Foundation
import Testing

/// The kernels of the backward pass against their formulas in double precision.
@Suite("Gradient kernels")
struct GradientTests {
  /// Positions further from what is expected than `tolerance` times the largest expected magnitude.
  private func far(_ results: [Float], from expected: [Double], tolerance: Double) -> [Int] {
    let scale = expected.reduce(1e-30) { max($0, abs($1)) }
    return zip(results, expected).enumerated()
      .filter { !(abs(Double($1.0) - $1.1) <= tolerance * scale) }.map(\.offset)
  }

  @Test("rms_norm_gradient adds both gradients", arguments: KernelVariant.all)
  func norm(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 21)
    for count in oddSizes + [2050] {
      withArena { arena in
        let (x, weight, dy) = (generator.floats(count), generator.floats(count), generator.floats(count))
        let dx = arena.place([Float](repeating: 2, count: count + 1), offset: 1)
        let dweight = arena.place([Float](repeating: 3, count: count + 1), offset: 1)
        variant.kernels.rms_norm_gradient(
          arena.place(x, offset: 1), arena.place(weight, offset: 1), arena.place(dy, offset: 1), 1e-5, count, dx,
          dweight)
        let mean = x.reduce(0) { $0 + Double($1) * Double($1) } / Double(count)
        let r = 1 / (mean + 1e-5).squareRoot()
        let product = (0..<count).reduce(0.0) { $0 + Double(dy[$1]) * Double(weight[$1]) * Double(x[$1]) }
        let back = r * r * r * product / Double(count)
        let expected = (0..<count).map { i -> Double in
          2 + r * Double(dy[i]) * Double(weight[i]) - Double(x[i]) * back
        }
        #expect(far(dx.values(count), from: expected, tolerance: 2e-6) == [] && dx[count] == 2, "\(count)")
        let weights = (0..<count).map { 3 + Double(dy[$0]) * Double(x[$0]) * r }
        #expect(far(dweight.values(count), from: weights, tolerance: 1e-6) == [] && dweight[count] == 3, "\(count)")
      }
    }
  }

  @Test("silu_gradient and gelu_gradient are the slopes of their products", arguments: KernelVariant.all)
  func gates(_ variant: KernelVariant) {
    func silu(_ g: Double) -> (y: Double, slope: Double) {
      let s = 1 / (1 + exp(-g))
      return (g * s, s + g * s * (1 - s))
    }
    func gelu(_ g: Double) -> (y: Double, slope: Double) {
      let c = (2 / Double.pi).squareRoot()
      let t = tanh(c * (g + 0.044715 * g * g * g))
      let inner = c * (1 + 3 * 0.044715 * g * g)
      return (0.5 * g * (1 + t), 0.5 * (1 + t) + 0.5 * g * (1 - t * t) * inner)
    }
    var generator = SeededGenerator(state: 22)
    for count in oddSizes {
      let (gate, up) = (generator.floats(count, in: -9...9), generator.floats(count))
      let dy = generator.floats(count)
      for (kernel, rule) in [(variant.kernels.silu_gradient, silu), (variant.kernels.gelu_gradient, gelu)] {
        var (dgate, dup) = ([Float](repeating: 7, count: count + 1), [Float](repeating: 7, count: count + 1))
        kernel(gate, up, dy, count, &dgate, &dup)
        let gates = (0..<count).map { i -> Double in Double(dy[i]) * Double(up[i]) * rule(Double(gate[i])).slope }
        let ups = (0..<count).map { i -> Double in Double(dy[i]) * rule(Double(gate[i])).y }
        #expect(far(Array(dgate[..<count]), from: gates, tolerance: 2e-6) == [] && dgate[count] == 7, "\(count)")
        #expect(far(Array(dup[..<count]), from: ups, tolerance: 2e-6) == [] && dup[count] == 7, "\(count)")
      }
    }
  }

  @Test("softmax_gradient: scale y (dy - Σ y dy)", arguments: KernelVariant.all)
  func softmax(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 23)
    for count in oddSizes {
      let y = generator.floats(count, in: 0...1)
      let dy = generator.floats(count)
      var result = dy + [7]
      variant.kernels.softmax_gradient(y, 0.25, count, &result)
      let mean = zip(y, dy).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      let expected = zip(y, dy).map { 0.25 * Double($0) * (Double($1) - mean) }
      #expect(far(Array(result[..<count]), from: expected, tolerance: 2e-6) == [] && result[count] == 7, "\(count)")
    }
  }

  @Test("divergence_gradient: KL(p || q) and scale (q - p)", arguments: KernelVariant.all)
  func divergence(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 24)
    for count in oddSizes + [3000] {
      let (teacher, student) = (generator.floats(count, in: -20...30), generator.floats(count, in: -30...20))
      func probabilities(_ logits: [Float]) -> [Double] {
        let largest = Double(logits.max() ?? 0)
        let powers = logits.map { exp(Double($0) - largest) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
      }
      let (p, q) = (probabilities(teacher), probabilities(student))
      let expected = zip(p, q).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) }
      var (scratch, result) = (teacher, student + [7])
      let loss = variant.kernels.divergence_gradient(&scratch, &result, count, 0.5)
      #expect(abs(loss - expected) <= 2e-6 * max(1, expected), "\(count): \(loss) for \(expected)")
      let gradient = zip(p, q).map { 0.5 * ($1 - $0) }
      #expect(far(Array(result[..<count]), from: gradient, tolerance: 2e-6) == [] && result[count] == 7, "\(count)")
    }
  }

  @Test("divergence_gradient says NaN where a logit is NaN", arguments: KernelVariant.all)
  func divergenceOfNaN(_ variant: KernelVariant) {
    for place in [0, 17, 39] {
      var (teacher, student) = ([Float](repeating: 1, count: 40), [Float](repeating: 2, count: 40))
      student[place] = .nan
      #expect(variant.kernels.divergence_gradient(&teacher, &student, 40, 1).isNaN)
      (teacher, student) = ([Float](repeating: 1, count: 40), [Float](repeating: 2, count: 40))
      teacher[place] = .nan
      #expect(variant.kernels.divergence_gradient(&teacher, &student, 40, 1).isNaN)
    }
  }

  @Test("adam: two steps by the formulas of Kingma and Ba", arguments: KernelVariant.all)
  func adam(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 25)
    for count in oddSizes {
      let gradients = [generator.floats(count), generator.floats(count)]
      var (mean, square) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
      var value = generator.floats(count)
      var (m, v, x) = (
        [Double](repeating: 0, count: count), [Double](repeating: 0, count: count), value.map(Double.init)
      )
      for (index, gradient) in gradients.enumerated() {
        let (c1, c2) = (1 / (1 - pow(0.9, Double(index + 1))), 1 / (1 - pow(0.95, Double(index + 1))))
        var step = ck_adam(
          rate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, mean_correction: Float(c1),
          square_correction: Float(c2), gradient_scale: 0.5)
        variant.kernels.adam(&step, gradient, count, &mean, &square, &value)
        for i in 0..<count {
          let g = 0.5 * Double(gradient[i])
          m[i] = 0.9 * m[i] + 0.1 * g
          v[i] = 0.95 * v[i] + 0.05 * g * g
          x[i] -= 0.01 * m[i] * c1 / ((v[i] * c2).squareRoot() + 1e-8)
        }
      }
      #expect(far(value, from: x, tolerance: 1e-6) == [], "\(count)")
      #expect(far(mean, from: m, tolerance: 1e-6) == [] && far(square, from: v, tolerance: 1e-6) == [], "\(count)")
    }
  }

  @Test("vq_column and its gradient, with and without a residual", arguments: KernelVariant.all)
  func column(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 26)
    for (length, hasResidual) in [(1, false), (3, true), (4, true), (4, false), (8, true), (8, false), (13, true)] {
      let (vectors, centroids, residuals) = (70, 9, 5)
      let codes = (0..<vectors).map { _ in UInt16.random(in: 0..<UInt16(centroids), using: &generator) }
      let residualCodes = (0..<vectors).map { _ in UInt16.random(in: 0..<UInt16(residuals), using: &generator) }
      let (table, residual) = (generator.floats(centroids * length), generator.floats(residuals * length))
      let dw = generator.floats(vectors * length)
      withArena { arena in
        let column = ck_vq_column(
          codes: arena.place(codes, offset: 1), residual_codes: hasResidual ? arena.place(residualCodes) : nil,
          vectors: vectors, vector_length: length, table: arena.place(table, offset: 1),
          residual_table: hasResidual ? arena.place(residual, offset: 1) : nil)
        let plain = (0..<(vectors * length)).map { index in
          let (n, e) = index.quotientAndRemainder(dividingBy: length)
          return Double(table[Int(codes[n]) * length + e])
            + (hasResidual ? Double(residual[Int(residualCodes[n]) * length + e]) : 0)
        }
        let w = arena.place([Float](repeating: 7, count: vectors * length + 1))
        let dtable = arena.place([Float](repeating: 1, count: table.count))
        let dresidual = arena.place([Float](repeating: 1, count: residual.count))
        var (dscale, dshift) = (0.0, 0.0)
        withUnsafePointer(to: column) { column in
          variant.kernels.vq_column(column, 1.5, -0.25, w)
          variant.kernels.vq_column_gradient(
            column, arena.place(dw), 1.5, dtable, hasResidual ? dresidual : nil, &dscale, &dshift)
        }
        #expect(far(w.values(vectors * length), from: plain.map { 1.5 * $0 - 0.25 }, tolerance: 1e-6) == [])
        #expect(w[vectors * length] == 7)
        var (main, rest) = (table.map { _ in 1.0 }, residual.map { _ in 1.0 })
        for (index, d) in dw.enumerated() {
          let (n, e) = index.quotientAndRemainder(dividingBy: length)
          main[Int(codes[n]) * length + e] += 1.5 * Double(d)
          if hasResidual { rest[Int(residualCodes[n]) * length + e] += 1.5 * Double(d) }
        }
        #expect(far(dtable.values(table.count), from: main, tolerance: 2e-6) == [])
        #expect(far(dresidual.values(residual.count), from: rest, tolerance: 2e-6) == [])
        let products: Double = zip(dw, plain).reduce(0) { $0 + Double($1.0) * $1.1 }
        let sum: Double = dw.reduce(0) { $0 + Double($1) }
        #expect(abs(dscale - products) < 1e-4 && abs(dshift - sum) < 1e-4)
      }
    }
  }
}
