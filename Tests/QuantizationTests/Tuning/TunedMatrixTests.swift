import Tensors
import Testing
import VectorQuantization

@testable import Quantization

/// A matrix with outliers, two groups, residual codebooks, a permutation, scales and shifts, whose outputs fill no whole
/// number of vectors.
@Suite("Tuned matrices")
struct TunedMatrixTests {
  private static let (outputs, inputs) = (13, 11)

  private func layer() throws -> VectorQuantizedLinear {
    var random = CounterRandom(seed: 4)
    func floats(_ count: Int, _ random: inout CounterRandom) -> [Float] {
      (0..<count).map { _ in Float(random.uniform() * 2 - 1) }
    }
    let settings = LayerSettings(
      vectorLength: 4, centroidCount: 8, residualCentroidCount: 4, outlierVectorLength: 3, outlierCentroidCount: 5,
      outlierSize: 3, groupCount: 2)
    let (groupSize, rows) = (4, 4)
    func codes(_ count: Int, below limit: Int, _ random: inout CounterRandom) -> [UInt32] {
      (0..<count).map { _ in UInt32(random.uniform() * Double(limit)) }
    }
    let main = codes(2 * rows * groupSize, below: 8, &random)
    let residual = codes(2 * rows * groupSize, below: 4, &random)
    let outlier = codes(5 * 3, below: 5, &random).map { UInt16($0) }
    return try VectorQuantizedLinear(
      module: "m", settings: settings, outFeatures: Self.outputs, inFeatures: Self.inputs,
      centroids: Codebook(floats(2 * 8 * 4, &random), groupCount: 2, count: 8, vectorLength: 4, dtype: .float32),
      residualCentroids: Codebook(
        floats(2 * 4 * 4, &random), groupCount: 2, count: 4, vectorLength: 4, dtype: .float32),
      indices: PackedIndices(
        main: main, residual: residual, settings: settings, groupCount: 2, rowCount: rows, columnCount: groupSize),
      outlierCentroids: Codebook(floats(5 * 3, &random), count: 5, vectorLength: 3, dtype: .float32),
      outlierIndices: Tensor(bits: outlier, dtype: .int16, shape: [1, 5, 3]),
      permutation: Permutation([7, 2, 9, 0, 10, 4, 1, 8, 3, 6, 5]),
      scale: Tensor(floats(Self.inputs, &random), shape: [Self.inputs]),
      shift: Tensor(floats(Self.inputs, &random), shape: [Self.inputs]))
  }

  private func decoded(_ matrix: TunedMatrix, _ parameters: TunedParameters) -> [Float] {
    let transposed = FloatBuffer([Float](repeating: .nan, count: matrix.inFeatures * matrix.stride))
    _ = matrix.decode(parameters.values.base, into: transposed.base)
    return (0..<Self.outputs).flatMap { row in
      (0..<Self.inputs).map { transposed.base[$0 * matrix.stride + row] }
    }
  }

  @Test("A matrix decodes to what the format says")
  func decoding() throws {
    let layer = try layer()
    var collection = TunedParameters.Collection()
    let matrix = try TunedMatrix(layer, &collection)
    let expected = try layer.dequantized()
    let actual = decoded(matrix, TunedParameters(collection))
    #expect(zip(actual, expected).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(
      collection.tensors.map(\.name) == [
        "m.centroids.weight", "m.res_centroids.weight", "m.outlier_centroids.weight", "m.weight_scale", "m.weight_bias",
      ])
  }

  @Test("The gradient of Σ R·W by every value is its difference quotient")
  func gradient() throws {
    var collection = TunedParameters.Collection()
    let matrix = try TunedMatrix(try layer(), &collection)
    let parameters = TunedParameters(collection)
    var random = CounterRandom(seed: 9)
    let factors = (0..<(Self.outputs * Self.inputs)).map { _ in Float(random.uniform() * 2 - 1) }
    let dweight = FloatBuffer(count: matrix.inFeatures * matrix.stride)
    for row in 0..<Self.outputs {
      for column in 0..<Self.inputs {
        dweight.base[column * matrix.stride + row] = factors[row * Self.inputs + column]
      }
    }
    matrix.addGradient(dweight.base, values: parameters.values.base, to: parameters.gradient.base)
    func loss() -> Double {
      zip(decoded(matrix, parameters), factors).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    // Linear in each value alone, so a wide step has no error but rounding.
    for index in 0..<parameters.count {
      let value = parameters.values.base[index]
      parameters.values.base[index] = value + 0.5
      let above = loss()
      parameters.values.base[index] = value - 0.5
      let below = loss()
      parameters.values.base[index] = value
      #expect(abs(above - below - Double(parameters.gradient.base[index])) < 1e-5, "\(index)")
    }
  }

  @Test(
    "Centroids in whole units stay so while they move, each group in its own; others are rounded to their type alone")
  func wholeUnits() {
    var collection = TunedParameters.Collection()
    let units: [Float?] = [0.125, nil, 0.375]
    let like = Tensor([Float](repeating: 0, count: 12), shape: [12], dtype: .float16)
    let base = units.flatMap { unit in [1, -3, 40, 127].map { $0 * (unit ?? 0.01) } }
    let range = collection.add(
      "m.centroids.weight", base, like: like, unit: [Float](repeating: 0.1, count: 12), wholeUnits: units)
    let parameters = TunedParameters(collection)
    for index in 0..<12 { parameters.positions.base[range.lowerBound + index] = 1.7 * Float(index) - 3.1 }
    parameters.update()
    for index in 0..<12 {
      let (moved, value) = (base[index] + 0.1 * (1.7 * Float(index) - 3.1), parameters.values.base[index])
      if let unit = units[index / 4] {
        #expect(value == unit * (moved / unit).rounded())
      } else {
        #expect(abs(value - moved) <= abs(moved) * 0x1p-11)
        #expect((value / 0.01).rounded() * 0.01 != value)
      }
    }
  }
}
