import Tensors
import Testing

@testable import LanguageModels

/// Matrices of bytes whose largest columns have two.
@Suite("Fine columns")
struct FineColumnTests {
  @Test(
    "Outputs are off by what bytes of the other columns, and a 256th of those of the largest, explain",
    arguments: [(40, 100), (64, 576), (9, 8), (17, 1000)])
  func products(rows: Int, columns: Int) throws {
    let random = CounterRandom(seed: 7, stream: UInt64(columns))
    func uniform(_ index: Int) -> Float { Float(random.bits(at: UInt64(index)) % 20001) / 10000 - 1 }
    let large = Set([0, columns / 2, columns - 1])
    let weights = (0..<(rows * columns)).map { index in
      uniform(index) * (large.contains(index % columns) ? 4 : 1)
    }
    let tokens = 5
    let x = (0..<(tokens * columns)).map { index in
      uniform(rows * columns + index) * (large.contains(index % columns) ? 20 : 1)
    }
    let weight = Tensor(dtype: .float32, shape: [rows, columns]) { bytes in
      for (index, value) in weights.enumerated() {
        bytes.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
      }
    }
    let matrix = ByteLinear(try DenseLinear(name: "head", weight: weight))
    var outputs = [Float](repeating: .nan, count: tokens * rows)
    outputs.withUnsafeMutableBufferPointer { outputs in
      x.withUnsafeBufferPointer { x in
        guard let from = x.baseAddress, let to = outputs.baseAddress else { return }
        matrix.apply(from, tokens: tokens, grouping: .fastest, into: to)
      }
    }
    // Squares of the errors, and what rounding of weights and activations (16 bits) explains.
    var (errors, explained) = (0.0, 0.0)
    for token in 0..<tokens {
      let own = x[(token * columns)..<((token + 1) * columns)].map(Double.init)
      // Fine columns meet four times their value.
      let step = 4 * (own.map(abs).max() ?? 0) / 32512
      for row in 0..<rows {
        let values = weights[(row * columns)..<((row + 1) * columns)].map(Double.init)
        let exact = zip(own, values).reduce(0) { $0 + $1.0 * $1.1 }
        let unit =
          values.enumerated().reduce(0) { max($0, abs($1.element) / (large.contains($1.offset) ? 4 : 1)) } / 127
        for (c, item) in zip(own, values).enumerated() {
          let byte = item.0 * unit * (large.contains(c) ? 4.0 / 256 : 1), digit = item.1 * step
          explained += (byte * byte + digit * digit) / 12
        }
        let error = Double(outputs[token * rows + row]) - exact
        errors += error * error
      }
    }
    #expect(errors > 0)
    // With one byte a column it is many times as much.
    #expect(errors <= 1.5 * explained)
  }

  @Test("A 32nd of the columns, in whole eights, and never more than there are")
  func counts() {
    for (columns, eights) in [(1, 1), (8, 2), (100, 14), (576, 74), (2048, 264), (4096, 528)] {
      let weight = Tensor(dtype: .float32, shape: [2, columns]) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
      let fine = FineColumns(of: weight)
      #expect(fine.eights == eights)
      #expect(fine.extendedCount == columns + min(columns, max(8, columns / 32 / 8 * 8)))
    }
  }
}
