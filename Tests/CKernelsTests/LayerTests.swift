import CKernels
import Foundation
import Testing

@Suite("Layer kernels")
struct LayerTests {
  @Test("rms_norm: case M09, where the sum of squares exceeds binary16", arguments: KernelVariant.all)
  func rootMeanSquareValues(_ variant: KernelVariant) {
    var y = [Float](repeating: 0, count: 4)
    variant.kernels.rms_norm([300, -300, 400, 500], [1, 1, 1, 1], 1e-6, 4, &y)
    #expect(
      refused(
        y, by: [0.7811334658822953, -0.7811334658822953, 1.0415112878430604, 1.3018891098038254], tolerance: 2e-7) == []
    )
  }

  @Test("rms_norm: x / sqrt(mean(x^2) + eps) * weight", arguments: KernelVariant.all)
  func rootMeanSquare(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 9)
    for count in oddSizes {
      withArena { arena in
        let (x, weight) = (generator.floats(count, in: -1e18...1e18), generator.floats(count))
        let y = arena.place([Float](repeating: 9, count: count + 1), offset: 1)
        variant.kernels.rms_norm(arena.place(x, offset: 1), arena.place(weight, offset: 1), 1e-5, count, y)
        let mean = x.reduce(0) { $0 + Double($1) * Double($1) } / Double(count)
        let expected = zip(x, weight).map { Double($0) / (mean + 1e-5).squareRoot() * Double($1) }
        #expect(refused(y.values(count), by: expected, tolerance: 3e-7) == [] && y[count] == 9, "\(count)")
      }
    }
  }

  @Test("rotary: case M05, pairs are halves apart", arguments: KernelVariant.all)
  func rotaryValues(_ variant: KernelVariant) {
    var q: [Float] = [1, 2, 3, 4]
    let angles = [1.0, 0.01]
    variant.kernels.rotary(&q, 1, 4, 2, angles.map { Float(cos($0)) }, angles.map { Float(sin($0)) })
    #expect(
      refused(q, by: [-1.9841106485555495, 1.959900667496664, 2.4623779024123156, 4.019799668334994], tolerance: 3e-7)
        == [])
  }

  @Test("rotary turns the first part of each head and keeps the rest", arguments: KernelVariant.all)
  func rotary(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 10)
    for half in [0] + oddSizes {
      withArena { arena in
        let (heads, headDimension) = (3, 2 * half + 5)
        let (x, angles) = (generator.floats(heads * headDimension), generator.floats(half, in: -4...4))
        let (cosine, sine) = (angles.map { cos($0) }, angles.map { sin($0) })
        let turned = arena.place(x, offset: 1)
        variant.kernels.rotary(
          turned, heads, headDimension, half, arena.place(cosine, offset: 1), arena.place(sine, offset: 1))
        let expected = x.indices.map { index in
          let (head, i) = index.quotientAndRemainder(dividingBy: headDimension)
          var sum = ReferenceSum()
          guard i < 2 * half else {
            sum.add(Double(x[index]))
            return sum
          }
          let (a, b) = (Double(x[head * headDimension + i % half]), Double(x[head * headDimension + i % half + half]))
          let (c, s) = (Double(cosine[i % half]), Double(sine[i % half]))
          sum.add(i < half ? a * c : b * c)
          sum.add(i < half ? -b * s : a * s)
          return sum
        }
        #expect(refused(turned.values(x.count), by: expected) == [], "\(half)")
      }
    }
  }

  @Test("softmax: exp(x - max) / sum, down to subnormal results", arguments: KernelVariant.all)
  func softmax(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 11)
    for count in oddSizes {
      withArena { arena in
        var x = generator.floats(count, in: -80...80)
        if count > 3 { x[count - 2] = -.infinity }
        let y = arena.place(x + [9], offset: 1)
        variant.kernels.softmax(y, count)
        // The difference is float32's; its rounding alone is up to 2^-17 of the exponential.
        let largest = x.max() ?? 0
        let exponentials = x.map { exp(Double($0 - largest)) }
        let sum = exponentials.reduce(0, +)
        let results = y.values(count)
        let wrong = zip(results, exponentials).filter {
          !(abs(Double($0) - $1 / sum) <= 4e-7 * $1 / sum + 2 * Double(Float.leastNonzeroMagnitude))
        }
        #expect(wrong.isEmpty && y[count] == 9, "\(count)")
        if count > 3 { #expect(results[count - 2] == 0) }
      }
    }
  }

  @Test("silu_multiply: gate * sigmoid(gate) * up, in place too", arguments: KernelVariant.all)
  func sigmoidLinearUnit(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 12)
    for count in [0] + oddSizes {
      withArena { arena in
        let (gate, up) = (generator.floats(count, in: -80...80), generator.floats(count))
        let (first, second) = (arena.place(gate + [9], offset: 1), arena.place(up + [9], offset: 1))
        let apart = arena.place([Float](repeating: 9, count: count + 1), offset: 1)
        variant.kernels.silu_multiply(first, second, apart, count)
        let expected = zip(gate, up).map { Double($0) / (1 + exp(-Double($0))) * Double($1) }
        #expect(refused(apart.values(count), by: expected, tolerance: 5e-7) == [] && apart[count] == 9, "\(count)")
        variant.kernels.silu_multiply(first, second, first, count)
        #expect(first.values(count + 1) == apart.values(count + 1))
      }
    }
    var extremes = [Float](repeating: 0, count: 4)
    variant.kernels.silu_multiply([-1e30, 1e30, 0, 200], [1, 1, 1, 1], &extremes, 4)
    #expect(extremes[0] == 0 || abs(extremes[0]) < 1e-7)
    #expect(Array(extremes.dropFirst()) == [1e30, 0, 200])
  }

  @Test("gelu_multiply: the tanh form of gelu(gate) * up, in place too", arguments: KernelVariant.all)
  func gaussianErrorLinearUnit(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 14)
    for count in [0] + oddSizes {
      withArena { arena in
        let (gate, up) = (generator.floats(count, in: -6...12), generator.floats(count))
        let (first, second) = (arena.place(gate + [9], offset: 1), arena.place(up + [9], offset: 1))
        let apart = arena.place([Float](repeating: 9, count: count + 1), offset: 1)
        variant.kernels.gelu_multiply(first, second, apart, count)
        let expected = zip(gate, up).map { gate, up in
          let g = Double(gate)
          return 0.5 * g * (1 + tanh((2 / Double.pi).squareRoot() * (g + 0.044715 * g * g * g))) * Double(up)
        }
        // Far to the left the exponent is large, and so is the relative error of its exponential.
        for (value, exact) in zip(apart.values(count), expected) {
          #expect(abs(Double(value) - exact) <= 2e-6 * abs(exact) + 1e-7, "\(count)")
        }
        #expect(apart[count] == 9)
        variant.kernels.gelu_multiply(first, second, first, count)
        #expect(first.values(count + 1) == apart.values(count + 1))
      }
    }
    var extremes = [Float](repeating: 1, count: 4)
    variant.kernels.gelu_multiply([-1e30, 1e30, 0, 200], [1, 1, 1, 1], &extremes, 4)
    #expect(extremes == [0, 1e30, 0, 200])
  }

  @Test("soft_cap: cap * tanh(x / cap)", arguments: KernelVariant.all)
  func softCap(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 15)
    for (count, cap) in zip([0] + oddSizes, [Float(50), 30, 1, 7.5, 50, 30, 2, 50, 30, 50, 1, 30, 50, 30]) {
      withArena { arena in
        let x = generator.floats(count, in: -200...200)
        let stored = arena.place(x + [9], offset: 1)
        variant.kernels.soft_cap(stored, count, cap)
        for (value, x) in zip(stored.values(count), x) {
          #expect(abs(Double(value) - Double(cap) * tanh(Double(x) / Double(cap))) <= 3e-7 * Double(cap))
        }
        #expect(stored[count] == 9)
      }
    }
    var extremes: [Float] = [-1e30, 1e30, -.infinity, .infinity]
    variant.kernels.soft_cap(&extremes, 4, 50)
    #expect(extremes == [-50, 50, -50, 50])
  }

  /// One form of keys and values: how numbers are written, and the numbers that then stand there.
  private struct Stored {
    let storage: ck_storage
    let bytes: [UInt8]
    let values: [Float]

    init(_ storage: ck_storage, _ numbers: [Float]) {
      self.storage = storage
      switch storage {
      case CK_F16:
        let halves = numbers.map(Float16.init)
        bytes = halves.flatMap { withUnsafeBytes(of: $0, Array.init) }
        values = halves.map(Float.init)
      case CK_BF16:
        let halves = numbers.map { UInt16($0.bitPattern >> 16) }
        bytes = halves.flatMap { withUnsafeBytes(of: $0, Array.init) }
        values = halves.map { Float(bitPattern: UInt32($0) << 16) }
      case CK_I8:
        let signed = numbers.map { Int8(max(-128, min(127, ($0 * 100).rounded()))) }
        bytes = signed.map { UInt8(bitPattern: $0) }
        values = signed.map(Float.init)
      default:
        bytes = numbers.flatMap { withUnsafeBytes(of: $0, Array.init) }
        values = numbers
      }
    }
  }

  @Test(
    "attention: scaled dot products and weighted sums of several queries, in every form of keys and values",
    arguments: KernelVariant.all)
  func attention(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 13)
    let sizes = zip([0, 1, 2, 3, 5, 8, 33, 100, 7, 64, 17, 31], oddSizes) + [(9, 64), (6, 128), (5, 200)]
    for (positions, dimension) in sizes {
      for (queries, storage) in zip(
        [1, 2, 3, 4, 5, 7, 8, 9], [CK_F32, CK_F16, CK_I8, CK_BF16, CK_F16, CK_F32, CK_I8, CK_F16])
      {
        withArena { arena in
          let stride = dimension + 3
          let stored = Stored(storage, generator.floats(positions * stride))
          let (q, weights) = (generator.floats(queries * dimension), generator.floats(queries * (positions + 2)))
          let rows = arena.place(stored.bytes, offset: 1)
          let scores = arena.place([Float](repeating: 9, count: queries * (positions + 1)), offset: 1)
          variant.kernels.attention_scores(
            arena.place(q, offset: 1), queries, rows, storage, stride, positions, dimension, 0.25, scores, positions + 1
          )
          let mixed = arena.place([Float](repeating: 9, count: queries * dimension + 1), offset: 1)
          variant.kernels.attention_mix(
            arena.place(weights, offset: 1), positions + 2, queries, rows, storage, stride, positions, dimension, mixed)
          for query in 0..<queries {
            let products = (0..<positions).map { position in
              (0..<dimension).reduce(into: ReferenceSum()) {
                $0.add(0.25 * Double(q[query * dimension + $1]) * Double(stored.values[position * stride + $1]))
              }
            }
            let line = scores + query * (positions + 1)
            #expect(refused(line.values(positions), by: products) == [] && line[positions] == 9)
            let sums = (0..<dimension).map { entry in
              (0..<positions).reduce(into: ReferenceSum()) {
                $0.add(Double(weights[query * (positions + 2) + $1]) * Double(stored.values[$1 * stride + entry]))
              }
            }
            #expect(
              refused((mixed + query * dimension).values(dimension), by: sums) == [],
              "\(queries) queries, \(storage), \(positions), \(dimension)")
            // Alone it gives the same bits.
            let alone = arena.place([Float](repeating: 9, count: dimension + positions), offset: 1)
            variant.kernels.attention_scores(
              arena.place(Array(q[(query * dimension)..<((query + 1) * dimension)]), offset: 1), 1, rows, storage,
              stride,
              positions, dimension, 0.25, alone, positions)
            #expect(alone.values(positions) == line.values(positions))
            variant.kernels.attention_mix(
              arena.place(Array(weights[(query * (positions + 2))...].prefix(positions)), offset: 1), positions, 1,
              rows,
              storage, stride, positions, dimension, alone)
            #expect(alone.values(dimension) == (mixed + query * dimension).values(dimension))
          }
          #expect(mixed[queries * dimension] == 9)
        }
      }
    }
  }
}
