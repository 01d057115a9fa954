public import Checkpoints
import LanguageModels
public import Tensors

/// Measures how sensitive a model is to errors of its matrices.
///
/// Two passes over a few windows of the calibration text: one through the model and back (`FisherPass`), one block by block
/// for the metric of each matrix (`PreparedMatrix`). Where second moments are read from a folder there is no text: then an
/// analysis that is kept there serves, or the metric alone.
public struct SensitivityAnalysis: Sendable {
  /// The model to quantize.
  public let model: ModelDirectory
  /// Which matrices, and how their weights are scaled; shapes of codes do not matter.
  public let plan: QuantizationPlan
  /// What the quantizer will measure.
  public let statistics: ModelQuantizer.Statistics
  /// Seed of the tokens that are drawn.
  public let seed: UInt64
  /// Where the result is kept for a run that goes on; nil: nowhere.
  public let job: String?

  /// Tokens that suffice to rank matrices.
  static let enoughTokens = 8192

  /// Prepares the analysis; nothing is read yet.
  public init(
    model: ModelDirectory, plan: QuantizationPlan, statistics: ModelQuantizer.Statistics, seed: UInt64,
    job: String? = nil
  ) {
    self.model = model
    self.plan = plan
    self.statistics = statistics
    self.seed = seed
    self.job = job
  }

  /// Does the work, unless an earlier run has done it.
  ///
  /// - Throws: `QuantizationError` that names the layer, (`interrupted`) where `isCancelled` asked to stop, or what reading
  ///   throws.
  public func run(
    progress: any ProgressListener = SilentProgress(), isCancelled: () -> Bool = { false }
  ) throws -> ModelSensitivity {
    let blocks = Dictionary(grouping: plan.matrices, by: \.block)
    let last = blocks.keys.max() ?? 0
    let digests = try WeightDigests(model, blocks: last + 1).digests
    let windows = windows
    let source: any BlockStatistics =
      if let windows {
        try MeasuredStatistics(model, windows: windows, stream: .original)
      } else {
        try readStatistics(blocks, digests)
      }
    let files = try files(source, digests)
    if let known = files.lazy.compactMap({ $0.read() }).first(where: covers) { return known }
    var done = 0
    let total = 2 * (windows?.windows.count ?? 0) + last + 1
    func advance() throws {
      if isCancelled() {
        throw QuantizationError(.interrupted, "interrupted while measuring what errors cost; nothing is kept of it")
      }
      progress.report("measuring what errors cost", completed: done, total: total, unit: .share)
      done += 1
    }
    let gradients = try windows.flatMap { try outputGradients($0) { try advance() } }
    var result: [String: Double] = [:]
    for index in 0...last {
      try advance()
      let matrices = blocks[index] ?? []
      let moments = try source.moments(ofBlock: index, inputs: matrices.inputWidths) { _ in }
      for matrix in matrices {
        result[matrix.module] = try lossPerDistortion(of: matrix, moments, gradients)
      }
    }
    let sensitivity = ModelSensitivity(lossPerDistortion: result, hasGradients: gradients != nil)
    for file in files where !file.isReadOnly { try file.write(sensitivity) }
    return sensitivity
  }

  /// Where the result is kept: for a run that goes on, and beside second moments that are kept or were.
  private func files(_ source: any BlockStatistics, _ digests: [String]) throws -> [SensitivityFile] {
    let model = SecondMomentFolder.modelFingerprint(model, weights: digests.last ?? "")
    var files: [SensitivityFile] = []
    if let job {
      var print = Fingerprint()
      print.add(model)
      try source.add(to: &print)
      for matrix in plan.matrices { print.add("\(matrix.module) \(matrix.recipe)") }
      print.add(Int(truncatingIfNeeded: seed))
      files.append(SensitivityFile(path: job + "/" + JobFolder.sensitivityFile, fingerprint: print.text))
    }
    switch statistics {
    case .measured(_, savedTo: let folder?):
      files.append(SensitivityFile(path: folder.path + "/" + JobFolder.sensitivityFile, fingerprint: model))
    case .read(let folder):
      files.append(
        SensitivityFile(
          path: folder.path + "/" + JobFolder.sensitivityFile, fingerprint: model, isReadOnly: true))
    case .measured, .sequential: break
    }
    return files
  }

  private func covers(_ sensitivity: ModelSensitivity) -> Bool {
    plan.matrices.allSatisfy { sensitivity.lossPerDistortion[$0.module] != nil }
  }

  /// As many windows of the text as are needed, spread over it; nil where there is none.
  private var windows: CalibrationWindows? {
    switch statistics {
    case .read: return nil
    case .measured(let text, _), .sequential(let text):
      let all = text.windows
      let count = min(all.count, max(1, Self.enoughTokens / max(1, all.first?.count ?? 1)))
      return CalibrationWindows(windows: (0..<count).map { all[$0 * all.count / count] })
    }
  }

  private func readStatistics(
    _ blocks: [Int: [MatrixPlan]], _ digests: [String]
  ) throws -> ReadStatistics {
    guard case .read(let folder) = statistics else {
      throw QuantizationError(.badCalibration, "there is no calibration text")
    }
    return try ReadStatistics(
      folder, model: model, inputsOfBlock: blocks.mapValues(\.inputWidths), digests: digests)
  }

  /// By module; nil for a model whose blocks have no gradients here.
  private func outputGradients(
    _ windows: CalibrationWindows, advance: () throws -> Void
  ) throws -> OutputGradients? {
    let pass: FisherPass
    do {
      pass = try FisherPass(model, length: windows.windows.first?.count ?? 1, seed: seed)
    } catch let error as QuantizationError where error.code == .unsupported {
      return nil
    }
    for (number, window) in windows.windows.enumerated() {
      // A pass forth and back takes about as long as two forth.
      try advance()
      pass.add(window, number: number)
      try advance()
    }
    return pass.gradients
  }

  /// What an error of the weights of variance 1 costs: half the curvature by an output times `Σ_c 1/U_cc²` over all outputs;
  /// without gradients that sum over the energy of the outputs, for each weight.
  private func lossPerDistortion(
    of matrix: MatrixPlan, _ moments: any SecondMomentSource, _ gradients: OutputGradients?
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
