import Checkpoints
import LanguageModels
import Tensors
import VectorQuantization

/// Quantizes some matrices of a block, one after the other.
struct BlockQuantizer {
  let model: ModelDirectory
  let matrices: [MatrixPlan]

  /// The tensors that take the place of the weights, and what became of each matrix.
  func run(
    _ moments: any SecondMomentSource, report: TaskExecutor.Report
  ) throws -> (tensors: [(name: String, tensor: Tensor)], reports: [MatrixReport]) {
    let loader = ParameterLoader(source: model, settings: nil)
    var tensors: [(name: String, tensor: Tensor)] = []
    var reports: [MatrixReport] = []
    let weights = matrices.reduce(0) { $0 + $1.shape.elementCount }
    var done = 0
    for matrix in matrices {
      try report(Double(done) / Double(weights), matrix.name)
      done += matrix.shape.elementCount
      let start = ContinuousClock.now
      var notices: [String] = []
      let weight = try loader.floats(matrix.module, outFeatures: matrix.shape[0], inFeatures: matrix.shape[1])
      let moment = try moment(of: matrix, moments, &notices)
      let quantized = try MatrixQuantizer.quantize(
        weight: weight, outFeatures: matrix.shape[0], inFeatures: matrix.shape[1], secondMoment: moment,
        recipe: matrix.recipe, name: matrix.module, notices: &notices)
      let layer = try quantized.layer(
        module: matrix.module,
        settings: matrix.recipe.settings(
          outFeatures: matrix.shape[0], inFeatures: matrix.shape[1], module: matrix.module, bias: false))
      tensors += layer.tensors().map { ("\(matrix.module).\($0.name)", $0.tensor) }
      let bits = layer.storedBits
      reports.append(
        MatrixReport(
          name: matrix.module, shape: matrix.shape.dimensions, preset: matrix.recipe.name, indexBits: bits.index,
          codebookBits: bits.codebook, storedBits: bits.total, relativeError: quantized.relativeError,
          steps: quantized.steps,
          seconds: Double(start.duration(to: .now) / .seconds(1)), notices: notices))
    }
    return (tensors, reports)
  }

  /// The second moment of what a matrix reads. An expert that no calibration token was sent to takes that of all tokens, or
  /// weighs all inputs alike.
  private func moment(
    of matrix: MatrixPlan, _ moments: any SecondMomentSource, _ notices: inout [String]
  ) throws -> [Double] {
    if let moment = try moments.mean(matrix.input) { return moment }
    notices.append("\(matrix.module): no calibration token reached it; give more text for a better choice of codes")
    if let moment = try matrix.substitute.flatMap(moments.mean) { return moment }
    let width = matrix.shape[1]
    var identity = [Double](repeating: 0, count: width * width)
    for index in 0..<width { identity[index * width + index] = 1 }
    return identity
  }
}
