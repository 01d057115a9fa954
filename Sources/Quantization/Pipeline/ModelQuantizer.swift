import CKernels
public import Checkpoints
import Foundation
import JSONReader
import LanguageModels
public import Tensors
import VectorQuantization

/// Quantizes a whole model, block by block.
///
/// For each block in turn: take the second moments of what its matrices read, measured on text or read from a file, quantize
/// the matrices, write the block to the job folder. Only one block's weights are in memory. A second run with the same
/// arguments takes up where the first one ended.
public struct ModelQuantizer: Sendable {
  /// The model to quantize.
  public let model: ModelDirectory
  /// Which matrices, and how.
  public let plan: QuantizationPlan
  /// What the second moments are taken from.
  public let statistics: Statistics
  /// The power of the squared gradients by which tokens count in measured second moments (`TokenWeights`); 0: all alike.
  public let guidance: Double
  /// The power that measured best at 2.2 bits (`Documentation/Quantization.md`).
  public static let defaultGuidance = 0.5
  /// Seed of the tokens that are drawn for these gradients.
  public let seed: UInt64
  /// Where the finished model goes.
  public let output: String
  /// Where finished blocks are kept meanwhile.
  public let job: String

  /// What the second moments are taken from.
  public enum Statistics: Sendable {
    /// Measured on text that passes the original blocks; kept in a folder if one is named.
    case measured(CalibrationWindows, savedTo: SecondMomentFolder? = nil)
    /// Measured on text that passes the quantized blocks.
    case sequential(CalibrationWindows)
    /// Read from a folder.
    case read(SecondMomentFolder)

    /// What the user should know of the text.
    public var notices: [String] {
      switch self {
      case .measured(let windows, _), .sequential(let windows): windows.notices
      case .read: []
      }
    }
  }

  /// What a finished run tells.
  public struct Summary: Sendable {
    /// What became of every matrix.
    public let record: QuantizationRecord
    /// Every matrix in the order of the work.
    public var matrices: [MatrixReport] { record.matrices }
    /// Blocks that an earlier run had finished.
    public let resumedBlocks: Int
    /// What the user should know.
    public let notices: [String]
  }

  /// Prepares the work; nothing is read or written yet.
  public init(
    model: ModelDirectory, plan: QuantizationPlan, statistics: Statistics, guidance: Double = defaultGuidance,
    seed: UInt64 = 0,
    output: String, job: String? = nil
  ) {
    self.model = model
    self.plan = plan
    self.statistics = statistics
    self.guidance = guidance
    self.seed = seed
    self.output = output
    self.job = job ?? Self.defaultJob(output: output)
  }

  /// The job folder of an output for which none is named.
  package static func defaultJob(output: String) -> String { output + ".job" }

  /// Whether an earlier run has left finished work in a job folder.
  package static func hasJob(at path: String) -> Bool { JobFolder.exists(path) }

  /// Removes the job folder of work whose output is in use.
  package static func removeJob(at path: String) { JobFolder.remove(at: path) }

  /// Does all the work and assembles the output folder.
  ///
  /// - Parameter keepsJob: whether finished blocks stay, for `removeJob(at:)`.
  /// - Throws: `QuantizationError` that names the layer, or whatever reading and writing throw. Finished blocks stay in
  ///   the job folder unless everything is done.
  public func run(
    keepsJob: Bool = false, progress: any ProgressListener = SilentProgress(), isCancelled: () -> Bool = { false }
  ) throws -> Summary {
    let matricesOfBlock = Dictionary(grouping: plan.matrices, by: \.block)
    let inputsOfBlock = matricesOfBlock.mapValues(\.inputWidths)
    let digests = try WeightDigests(model, blocks: blockCount()).digests
    let source = try blockStatistics(inputsOfBlock, digests)
    let folder = try JobFolder(path: job, fingerprints: try fingerprints(source))
    var finished = digests.indices.map {
      folder.finished(block: $0, matrices: matricesOfBlock[$0] ?? [], weights: digests[$0])
    }
    let resumed = finished.count { $0 != nil }
    // Nothing behind the last missing block needs statistics.
    let lastMissing = finished.indices.last { finished[$0] == nil || source.isPending($0) } ?? -1
    let meter = BlockMeter(progress, blocks: lastMissing + 1)
    var notices: [String] = []
    if guidance > 0, lastMissing >= 0, let measured = source as? MeasuredStatistics {
      measured.weights = try tokenWeights(measured.windows, digests, progress, isCancelled, &notices)
    }
    for index in 0..<(lastMissing + 1) {
      let matrices = matricesOfBlock[index] ?? []
      let isDone = finished[index] != nil
      let moments = try source.moments(ofBlock: index, inputs: isDone ? [:] : inputsOfBlock[index] ?? [:]) { share in
        meter.report(block: index, "statistics", share: share / 2)
        if isCancelled() { throw interrupted }
      }
      if !isDone {
        let (tensors, blockReports) = try quantize(matrices, moments, block: index, meter, isCancelled)
        finished[index] = try folder.write(
          block: index, tensors: tensors, reports: blockReports, weights: digests[index])
      }
      if index < lastMissing, let done = finished[index] {
        try source.replace(
          block: index, by: LayeredSource(top: done.file, base: model),
          settings: QuantizationSettings(layers: try matrices.map { ($0.module, try $0.settings(in: model)) }))
        done.file.releasePages()
      }
      model.releasePages()
      // What the allocator keeps of freed matrices would add up from block to block.
      ck_release_free_memory()
    }
    let blocks = finished.compactMap(\.self)
    let record = QuantizationRecord(matrices: blocks.flatMap(\.reports))
    try OutputAssembly(model: model, plan: plan, blocks: blocks, record: record, output: output).write(progress) {
      if isCancelled() { throw interrupted }
    }
    if !keepsJob { folder.remove() }
    return Summary(
      record: record, resumedBlocks: resumed,
      notices: statistics.notices + notices + record.matrices.flatMap(\.notices))
  }

  /// Blocks that have to be visited: all of which statistics are kept, else those up to the last planned matrix.
  private func blockCount() throws -> Int {
    if case .measured(_, savedTo: _?) = statistics { return try ModelConfiguration(model).layerCount }
    return (plan.matrices.map(\.block).max() ?? 0) + 1
  }

  private func blockStatistics(
    _ inputsOfBlock: [Int: [LinearInput: Int]], _ digests: [String]
  ) throws -> any BlockStatistics {
    switch statistics {
    case .measured(let windows, let folder):
      let recorder = try folder.map {
        try SecondMomentRecorder(
          $0, model: model, windows: windows, weighing: guidance > 0 ? "\(guidance) \(seed)" : nil, digests: digests)
      }
      return try MeasuredStatistics(model, windows: windows, stream: .original, recorder: recorder)
    case .sequential(let windows):
      return try MeasuredStatistics(model, windows: windows, stream: .quantized)
    case .read(let folder):
      return try ReadStatistics(folder, model: model, inputsOfBlock: inputsOfBlock, digests: digests)
    }
  }

  /// Nil, with a notice, for a model whose blocks have no gradients here.
  private func tokenWeights(
    _ windows: CalibrationWindows, _ digests: [String], _ progress: any ProgressListener, _ isCancelled: () -> Bool,
    _ notices: inout [String]
  ) throws -> TokenWeights? {
    var print = Fingerprint()
    print.add(SecondMomentFolder.modelFingerprint(model, weights: digests.last ?? ""))
    print.add(windows)
    print.add(Int(truncatingIfNeeded: seed))
    let file = GradientFile(path: job + "/" + JobFolder.gradientFile, fingerprint: print.text)
    do {
      let gradients = try TokenWeighing(model: model, windows: windows.windows, seed: seed, file: file)
        .run(progress: progress, isCancelled: isCancelled)
      return try TokenWeights(gradients, ModelConfiguration(model), power: guidance)
    } catch let error as QuantizationError where error.code == .unsupported {
      notices.append("there are no gradients to weigh tokens by, so all count alike: \(error.message)")
      return nil
    }
  }

  private var interrupted: QuantizationError {
    QuantizationError(.interrupted, "interrupted; finished blocks are in \(job), the same command goes on from there")
  }

  private func quantize(
    _ matrices: [MatrixPlan], _ moments: any SecondMomentSource, block: Int, _ meter: BlockMeter,
    _ isCancelled: () -> Bool
  ) throws -> (tensors: [(name: String, tensor: Tensor)], reports: [MatrixReport]) {
    let loader = ParameterLoader(source: model, settings: nil)
    var tensors: [(name: String, tensor: Tensor)] = []
    var reports: [MatrixReport] = []
    let weights = matrices.reduce(0) { $0 + $1.shape.elementCount }
    var done = 0
    for matrix in matrices {
      if isCancelled() { throw interrupted }
      meter.report(block: block, matrix.name, share: 0.5 + Double(done) / Double(2 * weights))
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

  /// Whether the work in a job folder reads its second moments from files; nil where no work is under way.
  package static func jobReadsSecondMoments(at path: String) -> Bool? { JobFolder.readsStatistics(path) }

  /// Everything that decides the output: configuration and layout of the weights, statistics, recipes.
  private func fingerprints(_ source: any BlockStatistics) throws -> [(part: String, digest: String)] {
    var (weights, statistics, recipe) = (Fingerprint(), Fingerprint(), Fingerprint())
    weights.add(model.configuration.serialized(pretty: false))
    for name in model.tensorNames { weights.add(name) }
    weights.add(Int(model.fileBytes))
    try source.add(to: &statistics)
    if guidance > 0 { recipe.add("guidance \(guidance) \(seed)") }
    for matrix in plan.matrices { recipe.add("\(matrix.module) \(matrix.recipe)") }
    let kind = source is ReadStatistics ? JobFolder.readStatistics : "calibration"
    return [("model", weights.text), (kind, statistics.text), ("recipe", recipe.text)]
  }
}
