import CKernels
import Testing

@Suite("Second moments")
struct SecondMomentTests {
  /// A matrix `x[tokens, stride]` and the part of its second moments to compute.
  struct Part: Sendable, CustomTestStringConvertible {
    let tokens: Int
    let rows: Range<Int>
    let columns: Range<Int>

    var testDescription: String { "\(tokens) tokens, rows \(rows), columns \(columns)" }

    /// Sizes around those of register tiles (4...8 rows, 8...24 columns), row chunks (48) and token blocks (128).
    static let all: [Part] = [
      Part(tokens: 0, rows: 0..<3, columns: 0..<3), Part(tokens: 1, rows: 0..<1, columns: 0..<1),
      Part(tokens: 5, rows: 2..<2, columns: 0..<9), Part(tokens: 7, rows: 1..<9, columns: 3..<27),
      Part(tokens: 31, rows: 0..<7, columns: 5..<28), Part(tokens: 127, rows: 3..<16, columns: 16..<41),
      Part(tokens: 128, rows: 8..<56, columns: 8..<104), Part(tokens: 129, rows: 1..<50, columns: 0..<65),
      Part(tokens: 300, rows: 5..<102, columns: 5..<103),
    ]
  }

  /// Values of very different sizes, some of them subnormal.
  private static func inputs(_ count: Int, _ generator: inout SeededGenerator) -> [Float] {
    generator.floats(count).enumerated().map { $1 * [1, 1e-3, 3e4, .leastNormalMagnitude, 1e15][$0 % 5] }
  }

  @Test("results are the sums in Double, bit for bit, and nothing else is written", arguments: KernelVariant.all)
  func sums(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 31)
    for part in Part.all {
      withArena { arena in
        let width = max(part.rows.upperBound, part.columns.upperBound)
        let (xStride, hStride) = (width + 3, width + 5)
        let x = Self.inputs(part.tokens * xStride, &generator)
        let before = (0..<(width * hStride)).map { Double($0) / 7 }
        let h = arena.place(before, offset: 1)
        variant.kernels.second_moment(
          arena.place(x, offset: 1), xStride, part.tokens, part.rows.lowerBound, part.rows.upperBound,
          part.columns.lowerBound, part.columns.upperBound, h, hStride)
        var expected = before
        for token in 0..<part.tokens {
          for i in part.rows {
            for j in part.columns {
              expected[i * hStride + j] += Double(x[token * xStride + i]) * Double(x[token * xStride + j])
            }
          }
        }
        #expect(h.values(before.count) == expected, "\(part.testDescription)")
      }
    }
  }

  @Test("results do not depend on how tokens, rows and columns are cut", arguments: KernelVariant.all)
  func splits(_ variant: KernelVariant) {
    var generator = SeededGenerator(state: 32)
    let (tokens, n) = (200, 77)
    withArena { arena in
      let x = arena.place(Self.inputs(tokens * n, &generator))
      let whole = arena.place([Double](repeating: 0, count: n * n))
      variant.kernels.second_moment(x, n, tokens, 0, n, 0, n, whole, n)
      for cuts in [[0, 1, 200], [0, 127, 130, 200], [0, 64, 128, 192, 200]] {
        for (rowStep, columnStep) in [(n, n), (1, 24), (13, 1), (48, 31)] {
          let parts = arena.place([Double](repeating: 0, count: n * n))
          for (first, end) in zip(cuts, cuts.dropFirst()) {
            for i in stride(from: 0, to: n, by: rowStep) {
              for j in stride(from: 0, to: n, by: columnStep) {
                variant.kernels.second_moment(
                  x + first * n, n, end - first, i, min(i + rowStep, n), j, min(j + columnStep, n), parts, n)
              }
            }
          }
          #expect(parts.values(n * n) == whole.values(n * n), "\(cuts), \(rowStep), \(columnStep)")
        }
      }
    }
  }
}
