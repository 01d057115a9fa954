import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Matrices that are multiplied in the same loops, and rows that are made there.
@Suite("Shared loops")
struct SharedLoopTests {
  private func numbers(_ count: Int, stream: UInt64) -> [Float] {
    let random = CounterRandom(seed: 11, stream: stream)
    return (0..<count).map { Float(random.uniform(at: UInt64($0)) - 0.5) }
  }

  /// One matrix of each kind, of 96 columns: floats with a bias, bfloat16, bytes, bytes with block scales.
  private func matrices() throws -> [any Linear] {
    let random = CounterRandom(seed: 12, stream: 0)
    let floats = try DenseLinear(
      name: "a", weight: Tensor(numbers(300 * 96, stream: 1), shape: [300, 96]), bias: numbers(300, stream: 2))
    let halves = (0..<(64 * 96)).map { UInt16(0x3C00 + random.bits(at: UInt64($0)) % 0x400) }
    let bytes = try DenseLinear(name: "c", weight: Tensor(numbers(70 * 96, stream: 3), shape: [70, 96]))
    let source = MemorySource(tensors: [
      "d.weight": Tensor(bits: (0..<(50 * 96)).map { UInt8($0 % 120) }, dtype: .float8e4m3, shape: [50, 96]),
      "d.weight_scale_inv": Tensor([0.5], shape: [1, 1]),
    ])
    return [
      floats, try DenseLinear(name: "b", weight: Tensor(bits: halves, dtype: .bfloat16, shape: [64, 96])),
      ByteLinear(bytes),
      try ParameterLoader(source: source, settings: nil).linear("d", outFeatures: 50, inFeatures: 96, bias: false),
    ]
  }

  @Test(
    "Several matrices give together what each gives alone, of rows that are made once",
    arguments: [1, 2, 3, 9, 37, 1400])
  func together(tokens: Int) throws {
    let matrices = try matrices()
    let x = numbers(tokens * 96, stream: 4)
    for grouping in [TokenGrouping.fastest, .alone, .together] {
      let alone = matrices.map { matrix in
        var y = [Float](repeating: .nan, count: tokens * matrix.outFeatures)
        x.withUnsafeBufferPointer { x in
          y.withUnsafeMutableBufferPointer { y in
            guard let x = x.baseAddress, let y = y.baseAddress else { return }
            matrix.apply(x, tokens: tokens, grouping: grouping, into: y)
          }
        }
        return y
      }
      #expect(alone.allSatisfy { $0.allSatisfy(\.isFinite) })
      var made = [Int](repeating: 0, count: tokens)
      let counts = matrices.map { tokens * $0.outFeatures }
      var together = [Float](repeating: .nan, count: counts.reduce(0, +))
      made.withUnsafeMutableBufferPointer { made in
        together.withUnsafeMutableBufferPointer { y in
          withScratch(count: tokens * 96) { rows in
            for index in 0..<(tokens * 96) { rows[index] = .nan }
            guard let y = y.baseAddress, let made = made.baseAddress else { return }
            let inputs = InputRows(rows, count: tokens) { range in
              for token in range {
                made[token] += 1
                for column in 0..<96 { rows[token * 96 + column] = x[token * 96 + column] }
              }
            }
            LinearProducts(
              (matrices[0], y), (matrices[1], y + counts[0]), (matrices[2], y + counts[0] + counts[1]),
              (matrices[3], y + counts[0] + counts[1] + counts[2])
            ).apply(inputs, grouping: grouping)
          }
        }
      }
      #expect(made == [Int](repeating: 1, count: tokens))
      #expect(together == alone.flatMap(\.self))
    }
  }

  @Test("Every row of a batch is gone through once, with the span it belongs to")
  func rows() {
    for counts in [[1], [3, 1, 20], [1, 1, 1, 1, 1], [40], [2, 0, 1]] {
      let segments = counts.map {
        Segment(tokens: [Int](repeating: 0, count: $0), cache: KeyValueCache([], capacity: 64))
      }
      let layout = BatchLayout(segments, rotaries: [])
      var spans = [Int](repeating: -1, count: layout.rows)
      spans.withUnsafeMutableBufferPointer { spans in
        let base = spans.baseAddress
        layout.forRows { span, row in base?[row] += 1 + span }
      }
      #expect(spans == counts.indices.flatMap { [Int](repeating: $0, count: counts[$0]) })
    }
  }

  @Test("A stream gets each update once, and its last one at the end")
  func stream() throws {
    let (rows, width) = (21, 8)
    var hidden = numbers(rows * width, stream: 5)
    let before = hidden
    let norm = RMSNorm(weight: [Float](repeating: 1, count: width), epsilon: 0)
    var seen: [[Float]] = []
    hidden.withUnsafeMutableBufferPointer { hidden in
      guard let base = hidden.baseAddress else { return }
      ResidualStream.run(base, rows: rows, width: width) { stream in
        for round in 1...3 {
          let inputs = stream.read(norm, updateNorm: nil).made()
          seen.append(Array(UnsafeBufferPointer(start: inputs.values, count: rows * width)))
          for index in 0..<(rows * width) { stream.update[index] = Float(round) }
        }
      }
    }
    // Sums in the order in which they are made.
    var expected = before
    for (round, values) in seen.enumerated() {
      if round > 0 { expected = expected.map { $0 + Float(round) } }
      for row in 0..<rows {
        let own = expected[(row * width)..<((row + 1) * width)]
        let root = (own.reduce(0) { $0 + $1 * $1 } / Float(width)).squareRoot()
        for (value, wanted) in zip(values[(row * width)..<((row + 1) * width)], own) {
          #expect(abs(value - wanted / root) < 1e-5)
        }
      }
    }
    #expect(hidden == expected.map { $0 + 3 })
  }
}
