import Checkpoints
import LanguageModels
import Tensors

/// How sensitive a model is to errors of its matrices.
///
/// Two passes over a few windows of the calibration text: one through the model and back (`FisherPass`), one block by block
/// for the metric of each matrix (`PreparedMatrix`). Where second moments are read from a folder there is no text: then an
/// analysis that is kept there serves, or the metric alone.
enum SensitivityAnalysis {
  /// Where an analysis is kept beside second moments that are kept or were.
  static func keptFile(_ work: JobWork, digests: [String]) -> SensitivityFile? {
    let model = SecondMomentFolder.modelFingerprint(work.model, weights: digests[work.lastPlannedBlock])
    func path(_ folder: SecondMomentFolder) -> String { folder.path + "/" + JobFolder.sensitivityFile }
    return switch work.source {
    case .measured(savedTo: let folder?): SensitivityFile(path: path(folder), fingerprint: model)
    case .read(let folder): SensitivityFile(path: path(folder), fingerprint: model, isReadOnly: true)
    case .measured, .sequential: nil
    }
  }

  /// An analysis of all planned matrices that is kept there.
  static func kept(_ work: JobWork, digests: [String]) -> ModelSensitivity? {
    guard let known = keptFile(work, digests: digests)?.read() else { return nil }
    return work.plan.matrices.allSatisfy { known.lossPerDistortion[$0.module] != nil } ? known : nil
  }

  /// What an error of the weights of variance 1 costs: half the curvature by an output times `Σ_c 1/U_cc²` over all outputs;
  /// without gradients that sum over the energy of the outputs, for each weight.
  static func lossPerDistortion(
    of matrix: MatrixPlan, in model: ModelDirectory, _ moments: any SecondMomentSource, _ gradients: OutputGradients?
  ) throws -> Double {
    let (outputs, inputs) = (matrix.shape[0], matrix.shape[1])
    guard let moment = try moments.mean(matrix.input) ?? matrix.substitute.flatMap(moments.mean) else {
      return 0
    }
    let weight = try ParameterLoader(source: model, settings: nil).floats(
      matrix.module, outFeatures: outputs, inFeatures: inputs)
    var notices: [String] = []
    let layout = try ColumnLayout(
      recipe: matrix.recipe, outFeatures: outputs, inFeatures: inputs, name: matrix.module)
    let prepared = try PreparedMatrix(
      weight: weight, secondMoment: moment, layout: layout, recipe: matrix.recipe, name: matrix.module,
      notices: &notices)
    let exposure = prepared.importance.reduce(0, +) * Double(outputs)
    if let record = gradients?[matrix.module] {
      return 0.5 * record.mean / Double(outputs) * prepared.metricUnit * exposure
    }
    let energy = QuadraticForm.value(prepared.metric, prepared.weights, n: inputs, columns: layout.stride)
    return energy > 0 ? exposure / energy * Double(matrix.shape.elementCount) : 0
  }
}
