import Tensors
import Testing

@testable import Quantization

@Suite("Prepared matrix")
struct PreparedMatrixTests {
  /// More rows and columns than one block of rows has, in no whole blocks, with an input that was never used and a constant column.
  private func layer() -> SyntheticLayer {
    var layer = SyntheticLayer(outFeatures: 150, inFeatures: 131)
    layer.kill(input: 17)
    for row in 0..<layer.outFeatures { layer.weight[row * layer.inFeatures + 70] = 0.25 }
    return layer
  }

  @Test(
    "Weights, metric and decoded matrix are those of plain loops, with any number of threads", arguments: [true, false])
  func plainLoops(permute: Bool) throws {
    let layer = layer()
    let (outputs, n) = (layer.outFeatures, layer.inFeatures)
    var recipe = QuantizationRecipe(vectorLength: 4, centroidCount: 16)
    recipe.permute = permute
    let layout = try ColumnLayout(recipe: recipe, outFeatures: outputs, inFeatures: n, name: "layer")
    let threads = WorkerPool.shared.threadCount
    defer { WorkerPool.shared.threadCount = threads }
    for count in [1, 3] {
      WorkerPool.shared.threadCount = count
      var notices: [String] = []
      let prepared = try PreparedMatrix(
        weight: layer.weight, secondMoment: layer.secondMoment, layout: layout, recipe: recipe, name: "layer",
        notices: &notices)
      #expect(notices.isEmpty)
      let normalization = try #require(prepared.normalization)
      let order = prepared.permutation
      #expect(order.sorted() == Array(0..<n) && (order == Array(0..<n)) == !permute)
      #expect(normalization.scale[70] == 0 && normalization.shift[70] == 0.25)

      for column in [0, 63, 64, 130] {
        let values = (0..<outputs).map { Double(layer.weight[$0 * n + column]) }
        let mean = values.reduce(0, +) / Double(outputs)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let scale = Double(normalization.scale[column])
        #expect(abs(scale - (squares / Double(outputs - 1)).squareRoot()) <= 0.001 * scale)
      }

      var wrong = 0
      for (column, source) in order.enumerated() {
        let (scale, shift) = (normalization.scale[source], normalization.shift[source])
        for row in 0..<layout.stride {
          let isWeight = row < outputs && scale != 0
          let expected = isWeight ? (layer.weight[row * n + source] - shift) / scale : 0
          if prepared.weights[column * layout.stride + row] != expected { wrong += 1 }
        }
        for (other, j) in order.enumerated() {
          let product = Double(scale) * Double(normalization.scale[j]) * layer.secondMoment[source * n + j]
          let own = Double(prepared.metric[column * n + other]) * prepared.metricUnit
          if abs(own - product) > 1e-6 * abs(product) { wrong += 1 }
        }
      }
      #expect(wrong == 0)
      #expect(
        prepared.importance.indices.allSatisfy { (prepared.importance[$0] == 0) == [17, 70].contains(order[$0]) })

      let result = try MatrixQuantizer.quantize(
        weight: layer.weight, outFeatures: outputs, inFeatures: n, secondMoment: layer.secondMoment, recipe: recipe,
        name: "layer", notices: &notices)
      let transposed = result.codes.decoded(result.codebooks, layout: layout)
      let decoded = result.decoded()
      var moved = 0
      for (column, source) in order.enumerated() {
        let (scale, shift) = (normalization.scale[source], normalization.shift[source])
        for row in 0..<outputs
        where decoded[row * n + source] != transposed[column * layout.stride + row] * scale + shift { moved += 1 }
      }
      #expect(moved == 0)
    }
  }

  @Test("The mean of a sum is symmetric, also beyond one block of rows")
  func mean() {
    let n = 131
    let sum = (0..<n * n).map { $0 % n >= $0 / n ? Double($0 + 1) : .nan }
    let mean = SecondMoments.mean(sum, width: n, tokens: 4)
    var wrong = 0
    for row in 0..<n {
      for column in 0..<n where mean[row * n + column] != Double(min(row, column) * n + max(row, column) + 1) / 4 {
        wrong += 1
      }
    }
    #expect(wrong == 0)
  }
}
