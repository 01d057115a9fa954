import Checkpoints
import LanguageModels
import Tensors

/// What a quantization has to do, from which its tasks follow.
struct JobWork: Sendable {
  let model: ModelDirectory
  let configuration: ModelConfiguration
  /// Which matrices; their shapes are final unless there is a budget.
  let plan: QuantizationPlan
  /// Bits to spend by what errors cost, if shapes are chosen so.
  let budget: BitBudget?
  /// Where second moments come from.
  let source: Source
  /// Windows of calibration text and tokens in each; 0 where second moments are read.
  let text: (windows: Int, length: Int)
  /// Whether a task asks the model for the text.
  var writesText = false
  /// How the quantized model is tuned, if it is.
  var tuning: JobTuning?
  let guidance: Double
  let seed: UInt64
  let division: JobDivision
  /// Whether the model's blocks have gradients here.
  let hasGradients: Bool
  /// Why not, if they do not.
  let withoutGradients: String?
  private let matricesOfBlock: [Int: [MatrixPlan]]

  /// Where second moments come from.
  enum Source: Sendable {
    case measured(savedTo: SecondMomentFolder?)
    case sequential
    case read(SecondMomentFolder)
  }

  init(
    model: ModelDirectory, plan: QuantizationPlan, budget: BitBudget?, source: Source,
    text: (windows: Int, length: Int),
    guidance: Double, seed: UInt64, division: JobDivision
  ) throws {
    configuration = try ModelConfiguration(model)
    (self.model, self.plan, self.budget, self.source, self.text) = (model, plan, budget, source, text)
    (self.guidance, self.seed, self.division) = (guidance, seed, division)
    matricesOfBlock = Dictionary(grouping: plan.matrices, by: \.block)
    do {
      try TuningModel.check(configuration)
      (hasGradients, withoutGradients) = (true, nil)
    } catch let error as QuantizationError where error.code == .unsupported {
      (hasGradients, withoutGradients) = (false, error.message)
    }
  }

  /// Whether the model is run to measure second moments.
  var measures: Bool {
    if case .read = source { return false }
    return true
  }

  var isSequential: Bool {
    if case .sequential = source { return true }
    return false
  }

  /// Where measured second moments are kept, if they are.
  var keptMoments: SecondMomentFolder? {
    if case .measured(let folder) = source { return folder }
    return nil
  }

  /// Whether tokens count by their gradients.
  var weighsTokens: Bool { measures && guidance > 0 && hasGradients }

  /// The last block with a matrix to quantize.
  var lastPlannedBlock: Int { plan.matrices.map(\.block).max() ?? 0 }

  /// Blocks that have to be visited: all if statistics are kept or blocks are tuned, else those up to the last planned matrix.
  var blockCount: Int { keptMoments != nil || tuning != nil ? configuration.layerCount : lastPlannedBlock + 1 }

  func matrices(ofBlock block: Int) -> [MatrixPlan] { matricesOfBlock[block] ?? [] }

  /// The matrices of each task that quantizes some of a block's.
  func parts(ofBlock block: Int) -> [Range<Int>] {
    division.partRanges(matrices: matrices(ofBlock: block).count)
  }

  /// The windows of each shard. An analysis runs so few that it has but one.
  func shardRanges(_ text: JobTask.Text) -> [Range<Int>] {
    switch text {
    case .analysis: [0..<windowCount(.analysis)]
    case .main: division.shardRanges(windows: windowCount(.main))
    }
  }

  /// Tokens that suffice to rank matrices.
  static let enoughTokens = 8192

  func windowCount(_ text: JobTask.Text) -> Int {
    switch text {
    case .main: self.text.windows
    case .analysis: min(self.text.windows, max(1, Self.enoughTokens / max(1, self.text.length)))
    }
  }

  /// Windows of the text; of an analysis as many as are needed, spread over it.
  func windows(_ text: JobTask.Text, of all: [[Int]]) -> [[Int]] {
    let count = windowCount(text)
    return text == .main ? all : (0..<count).map { all[$0 * all.count / count] }
  }

  /// The inputs of a block whose second moments are measured, with their widths.
  func widths(_ text: JobTask.Text, block: Int) -> [LinearInput: Int] {
    var widths = matrices(ofBlock: block).inputWidths
    if text == .main, keptMoments != nil {
      for entry in configuration.inputs(ofBlock: block) { widths[entry.input] = entry.width }
    }
    return widths
  }

  /// Whether any task reads the residual stream that statistics of a block leave.
  func hasSuccessor(_ text: JobTask.Text, block: Int) -> Bool {
    block + 1 < (text == .analysis ? lastPlannedBlock + 1 : blockCount)
  }
}
