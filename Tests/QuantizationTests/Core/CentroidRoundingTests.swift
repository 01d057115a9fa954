import Tensors
import Testing
import VectorQuantization

@testable import Quantization

@Suite("Centroids in whole units", .serialized)
struct CentroidRoundingTests {
  private func quantize(_ layer: SyntheticLayer, _ recipe: QuantizationRecipe) throws -> QuantizedMatrix {
    var notices: [String] = []
    return try MatrixQuantizer.quantize(
      weight: layer.weight, outFeatures: layer.outFeatures, inFeatures: layer.inFeatures,
      secondMoment: layer.secondMoment, recipe: recipe, name: "layer", notices: &notices)
  }

  /// The unit of each group, nil where it has none.
  private func units(_ matrix: QuantizedMatrix) -> [Float?] {
    let (layout, codes) = (matrix.layout, matrix.codes)
    return (0..<layout.groupCount).map { group in
      let main = matrix.codebooks.main[group]
      let residual = matrix.codebooks.residual.isEmpty ? nil : matrix.codebooks.residual[group]
      let mainCount = main.count / layout.vectorLength
      var usage = [Int](
        repeating: 0, count: mainCount * ((residual?.count ?? layout.vectorLength) / layout.vectorLength))
      let size = layout.groupSize * layout.vectorRows
      for index in group * size..<(group + 1) * size {
        usage[Int(codes.main[index]) + mainCount * (residual == nil ? 0 : Int(codes.residual[index]))] += 1
      }
      return CommonUnit.find(
        main: main, residual: residual, vectorLength: layout.vectorLength, mainBits: mainCount.trailingZeroBitCount,
        usage: usage)
    }
  }

  @Test(
    "Codebooks end in whole units, and the layer is as good as with centroids that were left alone",
    arguments: [
      ("v4-k64", 1, DType.float16), ("v4-k16-8", 1, .float16), ("v4-k16-8", 2, .float16),
    ])
  func wholeUnits(preset: String, groups: Int, type: DType) throws {
    let layer = SyntheticLayer(outFeatures: 128, inFeatures: 96)
    var recipe = try QuantizationRecipe(preset: preset)
    recipe.groupCount = groups
    recipe.storageType = type
    recipe.wholeUnits = true
    let whole = try quantize(layer, recipe)
    #expect(units(whole).allSatisfy { $0 != nil })
    #expect(whole.steps.last?.name == "whole units")
    recipe.wholeUnits = false
    let free = try quantize(layer, recipe)
    #expect(units(free).allSatisfy { $0 == nil })
    #expect(!free.steps.map(\.name).contains("whole units"))
    #expect(whole.relativeError <= 1.006 * free.relativeError)
  }

  @Test("Codebooks of more than 256 entries, and those with a value for each weight, stay as they are")
  func others() throws {
    var many = try QuantizationRecipe(preset: "v2-k512")
    many.wholeUnits = true
    let large = try quantize(SyntheticLayer(outFeatures: 64, inFeatures: 64), many)
    #expect(!large.steps.map(\.name).contains("whole units"))
    var few = SyntheticLayer(outFeatures: 16, inFeatures: 16)
    few.weight = few.weight.indices.map { [0.1, 0.37, -0.71, 0.013][$0 % 4] }
    var recipe = QuantizationRecipe(vectorLength: 2, centroidCount: 16)
    recipe.normalize = false
    recipe.wholeUnits = true
    let exact = try quantize(few, recipe)
    #expect(exact.relativeError < 1e-6)
  }

  @Test(
    "Rounding that makes up for itself costs less than rounding to what is nearest, and that is what it does where nothing is to be made up for"
  )
  func nearestPlane() {
    var random = CounterRandom(seed: 2)
    let (count, elements) = (24, 3)
    var (fed, nearest) = (0.0, 0.0)
    for _ in 0..<20 {
      // Sums of few outer products, so that some directions cost little.
      let vectors = (0..<30).map { _ in (0..<count).map { _ in Double.random(in: -0.3...1, using: &random) } }
      let matrix = (0..<count * count).map { index in
        vectors.reduce(0.0) { $0 + $1[index / count] * $1[index % count] }
      }
      let values = (0..<count * elements).map { _ in Float.random(in: -3...3, using: &random) }
      let (result, cost) = NearestPlane(matrix, count: count, damping: 0.001).round(
        values, unit: 0.25, elements: elements)
      #expect(result.allSatisfy { ($0 / 0.25).rounded() == $0 / 0.25 })
      func loss(_ rounded: [Float]) -> Double {
        (0..<elements).reduce(0.0) { sum, e in
          let left = (0..<count).map { Double(values[$0 * elements + e] - rounded[$0 * elements + e]) }
          return sum + (0..<count * count).reduce(0.0) { $0 + left[$1 / count] * left[$1 % count] * matrix[$1] }
        }
      }
      #expect(abs(cost - loss(result)) < 1e-4 * cost)
      fed += cost
      nearest += loss(values.map { 0.25 * ($0 / 0.25).rounded() })
      let diagonal = (0..<count * count).map { $0 / count == $0 % count ? Double($0 + 1) : 0 }
      for matrix in [diagonal, [Double](repeating: 0, count: count * count)] {
        let plain = NearestPlane(matrix, count: count, damping: 0.001).round(values, unit: 0.5, elements: elements)
        #expect(plain.values == values.map { 0.5 * ($0 / 0.5).rounded() })
      }
    }
    #expect(fed < 0.5 * nearest, "\(fed), \(nearest)")
  }
}
