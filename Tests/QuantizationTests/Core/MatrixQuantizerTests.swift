import Tensors
import Testing

@testable import Quantization

@Suite("Matrix quantizer", .serialized)
struct MatrixQuantizerTests {
  private func quantize(
    _ layer: SyntheticLayer, _ recipe: QuantizationRecipe, notices: inout [String]
  ) throws -> QuantizedMatrix {
    try MatrixQuantizer.quantize(
      weight: layer.weight, outFeatures: layer.outFeatures, inFeatures: layer.inFeatures,
      secondMoment: layer.secondMoment, recipe: recipe, name: "block 0 q_proj", notices: &notices)
  }

  private func quantize(_ layer: SyntheticLayer, _ recipe: QuantizationRecipe) throws -> QuantizedMatrix {
    var notices: [String] = []
    return try quantize(layer, recipe, notices: &notices)
  }

  private let small = QuantizationRecipe(vectorLength: 4, centroidCount: 16, residualCentroidCount: 4)

  /// Shared case Q01: a dead input costs nothing, so the error is that of the layer without it.
  @Test("A dead input column changes nothing for the others")
  func deadInput() throws {
    var layer = SyntheticLayer(outFeatures: 16, inFeatures: 16)
    layer.kill(input: 3)
    let result = try quantize(layer, small)
    let without = try quantize(layer.removing(input: 3), small)
    #expect(result.decoded().allSatisfy { $0.isFinite })
    #expect(abs(result.relativeError - without.relativeError) <= 0.01 * without.relativeError)
  }

  /// Shared case Q01: with no activation at all every weight counts the same, and the user is told.
  @Test("An all-zero second moment falls back to unweighted clustering with a notice")
  func allDead() throws {
    var layer = SyntheticLayer(outFeatures: 16, inFeatures: 16)
    layer.secondMoment = layer.secondMoment.map { _ in 0 }
    var notices: [String] = []
    let result = try quantize(layer, small, notices: &notices)
    #expect(notices.count == 1)
    #expect(result.relativeError > 0 && result.relativeError < 0.3)
  }

  /// Shared case Q02: `X = [[1,2,0,1],[2,1,0,3]]`, rank 2, one dead input.
  @Test("Fewer samples than inputs can be factored with the default damping")
  func rankDeficient() throws {
    let h: [Double] = [5, 4, 0, 7, 4, 5, 0, 5, 0, 0, 0, 0, 7, 5, 0, 10].map { $0 / 2 }
    let layer = SyntheticLayer(
      outFeatures: 8, inFeatures: 4, weight: SyntheticLayer(outFeatures: 8, inFeatures: 4).weight, secondMoment: h)
    var notices: [String] = []
    let recipe = QuantizationRecipe(vectorLength: 2, centroidCount: 4)
    let result = try quantize(layer, recipe, notices: &notices)
    #expect(result.relativeError < 1)
    #expect(notices.isEmpty)
  }

  /// Eigenvalues 4 and −2 with mean diagonal 1: damping 0.01, 0.1 and 1 are not enough, 10 is.
  @Test("Damping rises tenfold with a notice, then gives up naming the layer")
  func indefinite() throws {
    let weight = SyntheticLayer(outFeatures: 8, inFeatures: 2).weight
    let recipe = QuantizationRecipe(vectorLength: 2, centroidCount: 2)
    var plain = recipe
    plain.normalize = false
    var notices: [String] = []
    let indefinite = SyntheticLayer(outFeatures: 8, inFeatures: 2, weight: weight, secondMoment: [1, 3, 3, 1])
    _ = try quantize(indefinite, plain, notices: &notices)
    #expect(notices.last?.contains("damping raised to 10") == true)
    let hopeless = SyntheticLayer(outFeatures: 8, inFeatures: 2, weight: weight, secondMoment: [1, 50, 50, 1])
    let error = #expect(throws: QuantizationError.self) { try quantize(hopeless, plain) }
    #expect(error?.code == .notPositiveDefinite)
    #expect(error?.message.contains("block 0 q_proj") == true)
  }

  /// Shared case Q03.
  @Test("Values that are not finite are refused with layer, tensor and first index", arguments: [Float.nan, .infinity])
  func nonFinite(value: Float) throws {
    var layer = SyntheticLayer(outFeatures: 8, inFeatures: 4)
    layer.weight[6] = value
    layer.weight[9] = value
    let weightError = #expect(throws: QuantizationError.self) { try quantize(layer, small) }
    #expect(weightError?.code == .nonFiniteWeight)
    #expect(weightError?.message.contains("block 0 q_proj: weight[1, 2]") == true)
    layer = SyntheticLayer(outFeatures: 8, inFeatures: 4)
    layer.secondMoment[7] = Double(value)
    let momentError = #expect(throws: QuantizationError.self) { try quantize(layer, small) }
    #expect(momentError?.code == .nonFiniteStatistic)
    #expect(momentError?.message.contains("second moment[1, 3]") == true)
  }

  /// Shared case Q04: 0.3701171875 is the float16 nearest to 0.37.
  @Test("A constant column decodes to its rounded value, a zero matrix to zeros")
  func constantColumns() throws {
    var layer = SyntheticLayer(outFeatures: 16, inFeatures: 8)
    for row in 0..<16 {
      layer.weight[row * 8 + 2] = 0.37
      layer.weight[row * 8 + 5] = 0
    }
    let decoded = try quantize(layer, small).decoded()
    #expect(decoded.allSatisfy { $0.isFinite })
    #expect((0..<16).allSatisfy { decoded[$0 * 8 + 2] == 0.3701171875 && decoded[$0 * 8 + 5] == 0 })
    layer.weight = layer.weight.map { _ in 0 }
    let zeros = try quantize(layer, small).decoded()
    #expect(zeros == layer.weight)
  }

  /// Shared case Q05: 16 vectors and 256 centroids leave only the rounding to float16 (relative 2^-11 each of centroid
  /// and scale).
  @Test("With a centroid for every vector the result is exact", arguments: [0, 16])
  func fewerVectorsThanCentroids(residuals: Int) throws {
    let layer = SyntheticLayer(outFeatures: 16, inFeatures: 8)
    var notices: [String] = []
    let recipe = QuantizationRecipe(vectorLength: 8, centroidCount: 256, residualCentroidCount: residuals)
    let decoded = try quantize(layer, recipe, notices: &notices).decoded()
    #expect(zip(decoded, layer.weight).allSatisfy { abs($0 - $1) <= 0x1p-10 * abs($1) + 1e-7 })
    #expect(notices.count == 1 && notices[0].contains("16 distinct vectors"))
  }

  /// Shared case Q13.
  @Test("One, two and four threads give the same codes and centroids")
  func threads() throws {
    let layer = SyntheticLayer(outFeatures: 200, inFeatures: 48)
    let recipe = QuantizationRecipe(vectorLength: 4, centroidCount: 64, residualCentroidCount: 16)
    let before = WorkerPool.shared.threadCount
    defer { WorkerPool.shared.threadCount = before }
    let results = try [1, 2, 4].map { count in
      WorkerPool.shared.threadCount = count
      return try quantize(layer, recipe)
    }
    for other in results[1...] {
      #expect(other.codes.main == results[0].codes.main)
      #expect(other.codes.residual == results[0].codes.residual)
      #expect(other.codebooks.main == results[0].codebooks.main)
      #expect(other.codebooks.residual == results[0].codebooks.residual)
      #expect(other.relativeError == results[0].relativeError)
    }
  }

  @Test("Error feedback, refits and least squares each lower the error of a correlated layer")
  func stages() throws {
    let layer = SyntheticLayer(outFeatures: 128, inFeatures: 64)
    var recipe = QuantizationRecipe(vectorLength: 4, centroidCount: 64)
    recipe.refitRounds = 0
    recipe.leastSquaresSteps = 0
    let fed = try quantize(layer, recipe).relativeError
    recipe.leastSquaresSteps = 10
    let fitted = try quantize(layer, recipe).relativeError
    recipe.refitRounds = 2
    let refitted = try quantize(layer, recipe).relativeError
    #expect(fitted < fed)
    #expect(refitted < fitted)

    var notices: [String] = []
    let layout = try ColumnLayout(recipe: recipe, outFeatures: 128, inFeatures: 64, name: "layer")
    let prepared = try PreparedMatrix(
      weight: layer.weight, secondMoment: layer.secondMoment, layout: layout, recipe: recipe, name: "layer",
      notices: &notices)
    let training = CodebookTraining(layout: layout, recipe: recipe, importance: prepared.importance)
    let codebooks = training.initial(prepared.weights, name: "layer", notices: &notices).codebooks
    let quantizer = ColumnwiseQuantizer(layout: layout, codebooks: codebooks, beamWidth: 1)
    let losses = [true, false].map { feedback in
      let pass = quantizer.run(weights: prepared.weights, factor: prepared.factor, feedback: feedback)
      let error = QuadraticForm.difference(pass.codes.decoded(codebooks, layout: layout), prepared.weights)
      return QuadraticForm.value(prepared.metric, error, n: 64, columns: layout.stride)
    }
    #expect(losses[0] < losses[1])
  }

  @Test("Outliers, groups, padding and bfloat16 work together")
  func everything() throws {
    let layer = SyntheticLayer(outFeatures: 50, inFeatures: 37)
    var recipe = QuantizationRecipe(vectorLength: 6, centroidCount: 32, residualCentroidCount: 16)
    recipe.outlierPercent = 5
    recipe.outlierVectorLength = 4
    recipe.outlierCentroidCount = 16
    recipe.groupCount = 3
    recipe.storageType = .bfloat16
    let result = try quantize(layer, recipe)
    // ceil(5 % of 37) = 2 outliers, and (37 - 2) mod 3 = 2 more fill no group.
    #expect(result.layout.outlierCount == 4 && result.layout.groupSize == 11)
    #expect(result.relativeError < 0.1)
    let stored = result.codesInStorageOrder()
    #expect(stored.main.count == 3 * 9 * 11 && stored.outlier.count == 13 * 4)
    #expect(stored.main[1] == UInt32(result.codes.main[9]))
    let decoded = result.decoded()
    #expect(decoded.count == 50 * 37)
  }

  @Test("Every step of the recipe is reported and lowers the error; the last one is the error of the result")
  func steps() throws {
    let layer = SyntheticLayer(outFeatures: 32, inFeatures: 48)
    let result = try quantize(layer, small)
    #expect(result.steps.map(\.name) == ["nearest", "feedback", "refit", "least squares", "descent"])
    let errors = result.steps.map(\.relativeError)
    #expect(zip(errors, errors.dropFirst()).allSatisfy { $1 <= $0 })
    #expect(errors[1] < errors[0])
    #expect(errors[4] < errors[3])
    #expect(abs(errors[4] - result.relativeError) < 1e-9)
  }

  @Test("Without feedback, refits and descent the codes are the nearest centroids")
  func bare() throws {
    var recipe = small
    for setting in [("feedback", "off"), ("refit-rounds", "0"), ("least-squares-steps", "0"), ("descent-rounds", "0")] {
      try recipe.set(setting.0, to: setting.1)
    }
    let layer = SyntheticLayer(outFeatures: 32, inFeatures: 48)
    let result = try quantize(layer, recipe)
    #expect(result.steps.map(\.name) == ["nearest"])
    #expect(abs(try quantize(layer, small).steps[0].relativeError / result.relativeError - 1) < 1e-4)
  }
}
